#include "core/config_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <type_traits>

namespace lw::config {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Cuts the longest run of digits off the front of `text`.
std::string_view take_digits(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

bool take_sign(std::string_view& text) {
  const bool signed_ = !text.empty() && (text[0] == '-' || text[0] == '+');
  const bool negative = signed_ && text[0] == '-';
  if (signed_) text.remove_prefix(1);
  return negative;
}

/// [-+]? (whole [. fraction?] | . fraction) ([eE] exponent)?
struct Decimal {
  bool negative = false, has_point = false, has_exponent = false;
  std::string_view whole, fraction, exponent;
};

std::optional<Decimal> scan_decimal(std::string_view text) {
  Decimal d;
  d.negative = take_sign(text);
  d.whole = take_digits(text);
  if (!text.empty() && text[0] == '.') {
    d.has_point = true;
    text.remove_prefix(1);
    d.fraction = take_digits(text);
  }
  if (d.whole.empty() && d.fraction.empty()) return {};
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    d.has_exponent = true;
    text.remove_prefix(1);
    d.exponent = text;
    take_sign(text);
    if (take_digits(text).empty()) return {};
  }
  if (!text.empty()) return {};
  return d;
}

bool is_hexadecimal_or_octal(std::string_view text) {
  take_sign(text);
  if (text.size() < 3 || text[0] != '0') return false;
  const std::string_view digits = text.substr(2);
  const char* allowed = text[1] == 'x'   ? "0123456789abcdefABCDEF"
                        : text[1] == 'o' ? "01234567"
                                         : "";
  return digits.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// Bytes of the UTF-8 sequence at the front of `text`; 0 if it is none. `code` is its character.
size_t utf8_length(std::string_view text, uint32_t& code) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return code = first, 1;
  const size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < n) return 0;
  code = first & (0xffu >> (n + 1));
  for (size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool overlong = (n == 3 && code < 0x800) || (n == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return overlong || surrogate || code > 0x10ffff ? 0 : n;
}

bool is_control(uint32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

/// Calls f(bytes, code) for each character; bytes that are not UTF-8 come one by one.
template <class F>
void for_each_character(std::string_view text, F&& f) {
  while (!text.empty()) {
    uint32_t code = 0xfffd;
    const size_t n = std::max<size_t>(1, utf8_length(text, code));
    f(text.substr(0, n), code);
    text.remove_prefix(n);
  }
}

std::string escaped(uint32_t code) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, code < 0x100 ? "\\x%02x" : "\\u%04x", code);
  return buffer;
}

std::string value_text(bool value) { return value ? "true" : "false"; }
std::string value_text(int64_t value) { return std::to_string(value); }
std::string value_text(double value) {
  check(std::isfinite(value), "a config can hold no number that is not finite; received ", value);
  return number_text(value);
}
std::string value_text(const std::string& value) { return string_text(value); }
template <class T>
std::string value_text(const std::optional<T>& value) {
  return value ? value_text(*value) : "null";
}
template <class T>
std::string value_text(const std::vector<T>& values) {
  std::string result;
  for (const T& value : values) result += (result.empty() ? "" : ", ") + value_text(value);
  return "[" + result + "]";
}

}  // namespace

ScalarKind classify(std::string_view text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return ScalarKind::null;
  if (is_one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE"}))
    return ScalarKind::boolean;
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return ScalarKind::infinite;
  std::string_view unsigned_text = text;
  take_sign(unsigned_text);
  if (is_one_of(unsigned_text, {".inf", ".Inf", ".INF"})) return ScalarKind::infinite;
  if (is_hexadecimal_or_octal(text)) return ScalarKind::foreign;
  const auto decimal = scan_decimal(text);
  if (!decimal) return ScalarKind::string;
  if (decimal->whole.size() > 1 && decimal->whole[0] == '0') return ScalarKind::foreign;
  return decimal->has_point || decimal->has_exponent ? ScalarKind::real : ScalarKind::integer;
}

std::optional<int64_t> exact_integer(std::string_view text) {
  const auto decimal = scan_decimal(text);
  if (!decimal) return {};
  std::string digits = std::string(decimal->whole) + std::string(decimal->fraction);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return 0;
  int64_t shift = -static_cast<int64_t>(decimal->fraction.size());
  if (decimal->has_exponent) {
    std::string_view exponent = decimal->exponent;
    if (exponent[0] == '+') exponent.remove_prefix(1);
    int value = 0;
    const auto end = exponent.data() + exponent.size();
    if (std::from_chars(exponent.data(), end, value).ec != std::errc{}) return {};
    shift += value;
  }
  for (; shift < 0 && digits.back() == '0'; ++shift) digits.pop_back();
  if (shift < 0 || shift > 19) return {};
  digits.append(static_cast<size_t>(shift), '0');
  if (decimal->negative) digits.insert(digits.begin(), '-');
  int64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ec != std::errc{}) return {};
  return value;
}

std::optional<double> finite_number(std::string_view text) {
  if (!scan_decimal(text)) return {};
  if (text[0] == '+') text.remove_prefix(1);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{}) return {};
  return value;
}

std::string string_text(const std::string& value) {
  constexpr std::string_view safe =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-";
  const bool plain = value.find_first_not_of(safe) == std::string::npos && value[0] != '-' &&
                     classify(value) == ScalarKind::string;
  if (!value.empty() && plain) return value;

  std::string result = "\"";
  for_each_character(value, [&](std::string_view bytes, uint32_t code) {
    if (code == '"' || code == '\\') result += '\\';
    const bool special = code == 0x2028 || code == 0x2029 || code == 0xfeff;
    if (code == '\n')
      result += "\\n";
    else if (is_control(code) || special)
      result += escaped(code);
    else
      result += bytes;
  });
  // What looks like a substitution is one only in a file; `$${` stands for its first two letters.
  for (size_t at = 0; (at = result.find("${", at)) != std::string::npos; at += 3)
    result.insert(at, 1, '$');
  return result + '"';
}

std::string field_text(const FieldRef& field) {
  return std::visit([](const auto* value) { return value_text(*value); }, field);
}

std::string shown(std::string_view text) {
  constexpr int most = 60;
  std::string result;
  int count = 0;
  for_each_character(text, [&](std::string_view bytes, uint32_t code) {
    if (++count <= most) result += is_control(code) ? escaped(code) : std::string(bytes);
  });
  return "`" + result + (count > most ? "…" : "") + "`";
}

std::optional<TextFault> find_text_fault(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    uint32_t code = 0;
    const size_t n = utf8_length(text.substr(at), code);
    if (n == 0) return TextFault{at, "a byte that is not UTF-8"};
    if (is_control(code) && code != '\t' && code != '\n' && code != '\r')
      return TextFault{at, "a control character"};
    at += n;
  }
  return {};
}

}  // namespace lw::config
