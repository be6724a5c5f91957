// Reading configs in tests: what good ones give, and what is said of bad ones.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/config.h"
#include "tests/core/config_options.h"
#include "tests/temporary_folder.h"

namespace lw {

inline constexpr const char* good = "seed: 1\nmodel: {d_model: 8, layer: s4d}\n";

/// The options that a good config gives.
inline ToyOptions read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  ToyOptions options;
  Config::parse(text, "x.yaml", overrides).read(options);
  return options;
}

/// The whole message of the error that `text` with `overrides` gives.
inline std::string message_of(const std::string& text, const std::vector<std::string>& overrides) {
  return error_of(ErrorKind::usage, [&] {
    ToyOptions options;
    Config::parse(text, "x.yaml", overrides).read(options);
  });
}

struct BadConfig {
  std::string text;
  std::vector<std::string> overrides;
  std::string message;
};

inline void expect_messages(const std::vector<BadConfig>& table) {
  for (const auto& [text, overrides, message] : table) {
    SCOPED_TRACE(text);
    EXPECT_EQ(message_of(text, overrides), message);
  }
}

}  // namespace lw
