// What a Config holds. Internal to core/config*.cpp.
#pragma once

#include "core/config_node.h"

namespace lw::config {

struct State {
  Node root;           ///< all sources merged, references replaced
  Diagnostics errors;  ///< met on the way; reading adds its own and throws them all
};

}  // namespace lw::config
