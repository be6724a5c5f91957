// What is said of a name that is none of those known. Internal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace lw {

/// "unknown WHAT `NAME`, expected one of: KNOWN ...; did you mean `NEAREST`?"
inline std::string unknown_name(std::string_view what, std::string_view name,
                                const std::vector<std::string>& known) {
  std::string message = str("unknown ", what, " `", name, "`, expected one of:");
  for (const std::string& candidate : known) message += ' ' + candidate;
  const std::string meant = did_you_mean(name, known);
  return meant.empty() ? message : message + "; did you mean `" + meant + "`?";
}

}  // namespace lw
