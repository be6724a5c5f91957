// The laws of a layer as a test: those that `longwave check layer` prints.
#pragma once

#include <gtest/gtest.h>

#include "apps/check_layer.h"

namespace lw {

inline void expect_laws(const std::string& kind, const std::string& options = "") {
  for (const LawResult& result : check_layer(kind, options))
    EXPECT_TRUE(result.ok()) << result.layer << ": " << result.property << ": " << result.error
                             << " > " << result.tolerance;
}

}  // namespace lw
