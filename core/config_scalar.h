// Scalars of a config: what a plain word means, and how values are written. Internal to
// core/config*.cpp.
//
// The meaning of plain scalars is the core schema of YAML 1.2 (section 10.3.2) with its foreign
// numbers set apart: hexadecimal, octal, leading zeros, infinities and NaN are recognised, so that
// no field takes them by mistake. `yes`, `on` and `1_000` are strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/options.h"

namespace lw::config {

enum class ScalarKind {
  string,
  null,
  boolean,
  integer,
  real,
  foreign,  ///< 0x1f, 0o17, 010: integers, but not decimal ones
  infinite  ///< .inf, .nan
};
ScalarKind classify(std::string_view plain);

/// The value of an integer, or of a real such as 1e6 that is one exactly; nothing if it is neither
/// or has more than 64 bits.
std::optional<int64_t> exact_integer(std::string_view text);

/// The nearest double of an integer or a real; nothing if that is not finite, or is zero where the
/// text is not.
std::optional<double> finite_number(std::string_view text);

/// The YAML that reads back as exactly `value`, as short as can be.
std::string string_text(const std::string& value);
/// The value of a field, a list as `[a, b]`. A number that is not finite is an Error.
std::string field_text(const FieldRef& field);

/// `text` for messages: in backticks, control characters escaped, long ones cut.
std::string shown(std::string_view text);

struct TextFault {
  size_t at;  ///< byte
  const char* what;
};
/// The first byte that is not UTF-8, and the first control character other than tab and line ends.
std::optional<TextFault> find_text_fault(std::string_view text);

}  // namespace lw::config
