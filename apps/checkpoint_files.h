// The names of a checkpoint's files and folders. Internal to the checkpoint's .cpp files.
#pragma once

#include <cstdio>
#include <string>

#include "core/files.h"

namespace lw::checkpoint {

inline constexpr char manifest_file[] = "MANIFEST.json";
inline constexpr char model_file[] = "model.h5";
inline constexpr char optimizer_file[] = "optim-0000-of-0001.h5";
inline constexpr char state_file[] = "state.h5";

/// Where in model.h5 the texts are that no attribute can hold.
inline constexpr char texts[] = "/texts/";

inline Path folder(const Path& run) { return run / "ckpt"; }

/// "step-00001000"
inline std::string name(int64_t step) {
  char text[32];
  std::snprintf(text, sizeof text, "step-%08lld", static_cast<long long>(step));
  return text;
}

/// Moves a checkpoint out of sight in one step, then removes it.
void discard(const Path& checkpoint);

}  // namespace lw::checkpoint
