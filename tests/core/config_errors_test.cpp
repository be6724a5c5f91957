#include <gtest/gtest.h>

#include "core/config.h"
#include "tests/core/config_options.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

TEST(ConfigErrors, AllAtOnce) {
  const std::string message = error_of(ErrorKind::usage, [] {
    ToyOptions options;
    Config::parse("seed: 3\nmodel:\n  layer: s4d\noptim:\n  learning_rate: 1\nseed: 4\n", "x.yaml",
                  {"limit=many"})
        .read(options);
  });
  EXPECT_EQ(message,
            "x.yaml:2:1: error: missing key `model.d_model`\n"
            "    2 | model:\n"
            "      | ^~~~~ `d_model`: width\n"
            "x.yaml:5:3: error: unknown key `optim.learning_rate`\n"
            "    5 |   learning_rate: 1\n"
            "      |   ^~~~~~~~~~~~~ did you mean `lr`? (keys here: lr, betas, groups)\n"
            "x.yaml:6:1: error: duplicate key `seed` (first at line 1)\n"
            "    6 | seed: 4\n"
            "      | ^~~~\n"
            "override `limit=many`: error: `limit` is the string `many`, expected an integer "
            "greater than 0");
}

}  // namespace
}  // namespace lw
