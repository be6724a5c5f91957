// JSON from files that nobody vouches for. An internal header: it includes nlohmann/json.hpp, so
// only .cpp files include it.
//
// parse_json refuses what nlohmann/json lets pass or dies of: duplicate keys, nesting deeper than
// the limit, texts larger than the limit. The limits are checked while parsing.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/error.h"

namespace lw {

using Json = nlohmann::json;

struct JsonLimits {
  int64_t bytes = int64_t{1} << 26;
  int depth = 64;  ///< arrays and objects within each other
};

/// The value of `text`. Throws Error of ErrorKind::data in the form `place: error: …`.
Json parse_json(std::string_view text, const std::string& place, const JsonLimits& limits = {});

/// One line, keys sorted, no spaces, UTF-8 as it is: equal values give equal texts. Throws Error on
/// a string that is not UTF-8.
std::string canonical_json(const Json& value);

/// The member `key` of `object` as a T. Throws Error of ErrorKind::data if it is not there or not
/// of that type.
template <class T>
T json_member(const Json& object, const char* key, const std::string& place) {
  if (object.is_object() && object.contains(key)) {
    const Json& value = object[key];
    bool fits = false;
    if constexpr (std::is_same_v<T, std::string>) fits = value.is_string();
    if constexpr (std::is_same_v<T, bool>) fits = value.is_boolean();
    if constexpr (std::is_same_v<T, double>) fits = value.is_number();
    if constexpr (std::is_same_v<T, int64_t>)
      fits = value.is_number_integer() &&
             !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX);
    if constexpr (std::is_same_v<T, Json::array_t>) fits = value.is_array();
    if (fits) return value.get<T>();
    throw Error(str(place, ": error: `", key, "` has the wrong type"), ErrorKind::data);
  }
  throw Error(str(place, ": error: `", key, "` is missing"), ErrorKind::data);
}

}  // namespace lw
