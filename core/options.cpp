#include "core/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace lw {

bool Rule::holds(double value) const {
  if (minimum && !(open ? value > *minimum : value >= *minimum)) return false;
  if (maximum && !(open || below ? value < *maximum : value <= *maximum)) return false;
  return multiple_of == 1 || std::fmod(value, static_cast<double>(multiple_of)) == 0;
}

bool Rule::holds(const std::string& value) const {
  if (filled && value.empty()) return false;
  return choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end();
}

std::string Rule::text() const {
  std::string result;
  const auto add = [&](const std::string& part) {
    result += (result.empty() ? "" : " and ") + part;
  };
  if (!choices.empty()) {
    std::string list;
    for (const std::string& c : choices) list += (list.empty() ? "" : ", ") + c;
    add("one of: " + list);
  }
  if (minimum) add(str(open ? "greater than " : "at least ", number_text(*minimum)));
  if (maximum) add(str(open || below ? "less than " : "at most ", number_text(*maximum)));
  if (multiple_of == 2) add("even");
  if (multiple_of > 2) add(str("a multiple of ", multiple_of));
  if (filled) add("at least one character");
  return result;
}

std::string number_text(double value) {
  char buffer[32];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  const size_t e = text.find('e');
  if (e == std::string::npos) return text;
  if (text[e + 1] == '+') text.erase(e + 1, 1);
  const size_t digits = text.find_first_of("0123456789", e);
  if (text[digits] == '0') text.erase(digits, 1);  // at least two digits are written
  return text;
}

Rule positive() { return {.minimum = 0, .open = true}; }
Rule non_negative() { return {.minimum = 0}; }
Rule at_least(double minimum) { return {.minimum = minimum}; }
Rule between(double minimum, double maximum) { return {.minimum = minimum, .maximum = maximum}; }
Rule probability() { return {.minimum = 0, .maximum = 1, .below = true}; }
Rule even() { return {.minimum = 2, .multiple_of = 2}; }
Rule one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }
Rule non_empty() { return {.filled = true}; }

}  // namespace lw
