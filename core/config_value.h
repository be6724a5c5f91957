// One value of the tree into one member of an options struct. Internal to core/config*.cpp.
#pragma once

#include <string>

#include "core/config_node.h"
#include "core/options.h"

namespace lw::config {

/// What `node` is, for messages: "a list", "the integer `3`".
std::string description(const Node& node);

/// Sets `member`, called `key` in messages; adds to `errors` what does not fit its type or `rule`.
void set_field(const Node& node, const std::string& key, const FieldRef& member, const Rule& rule,
               Diagnostics& errors);

}  // namespace lw::config
