// How the commands write: JSON a line, sizes for people. An internal header, for .cpp files only.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "core/json.h"

namespace lw {

/// One line of JSON; bytes that are no UTF-8 become U+FFFD.
inline std::string dump(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

inline void print_json(const nlohmann::ordered_json& line) { std::puts(dump(line).c_str()); }

/// One line of JSON, or a line for each of its values.
inline void print_values(const nlohmann::ordered_json& line, bool json) {
  if (json) return print_json(line);
  for (const auto& [key, value] : line.items()) {
    const std::string text = value.is_string()         ? value.get<std::string>()
                             : value.is_number_float() ? str(value.get<double>())
                                                       : dump(value);
    std::printf("%-18s %s\n", key.c_str(), text.c_str());
  }
}

/// "1.5 MiB"
inline std::string text_of_bytes(int64_t bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

}  // namespace lw
