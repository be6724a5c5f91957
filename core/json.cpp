#include "core/json.h"

#include <set>
#include <vector>

namespace lw {

Json parse_json(std::string_view text, const std::string& place, const JsonLimits& limits) {
  const auto refuse = [&](const auto&... parts) {
    throw Error(str(place, ": error: ", parts...), ErrorKind::data);
  };
  if (static_cast<int64_t>(text.size()) > limits.bytes)
    refuse(text.size(), " bytes of JSON, expected at most ", limits.bytes);

  std::vector<std::set<std::string>> keys;  // of the objects that are open now
  const auto guard = [&](int depth, Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= limits.depth) refuse("JSON nested deeper than ", limits.depth, " levels");
      if (event == Event::object_start) keys.emplace_back();
    } else if (event == Event::object_end) {
      keys.pop_back();
    } else if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys.back().insert(key).second)
        refuse("the key `", key, "` occurs twice in one JSON object");
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), guard);
  } catch (const Json::exception& error) {
    refuse("not JSON: ", error.what());
  }
  return {};
}

std::string canonical_json(const Json& value) {
  try {
    return value.dump();
  } catch (const Json::exception& error) {
    throw Error(str("JSON: error: ", error.what()));
  }
}

}  // namespace lw
