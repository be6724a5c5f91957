#include "data/adding.h"

#include <gtest/gtest.h>

#include <array>

namespace lw {
namespace {

TEST(Adding, TheTargetIsTheSumOfTheTwoMarkedNumbers) {
  for (const int64_t length : {2, 3, 21, 64}) {
    Datasets::Choice choice(datasets());
    choice.choose("adding");
    choice.as<AddingOptions>() = {.length = length};
    const DataSource source = choice.build({.seed = 3});
    double mean = 0;
    for (int64_t index = 0; index < 200; ++index) {
      const Batch batch = source.train->batch(std::array{index}, 0);
      double sum = 0;
      int64_t marks[2] = {};
      for (int64_t t = 0; t < length; ++t) {
        const double value = batch.inputs.at({0, t, 0}), mark = batch.inputs.at({0, t, 1});
        EXPECT_GE(value, 0);
        EXPECT_LT(value, 1);
        if (mark == 0) continue;
        EXPECT_EQ(mark, 1);
        ++marks[t >= length / 2];
        sum += value;
      }
      EXPECT_EQ(marks[0], 1);
      EXPECT_EQ(marks[1], 1);
      EXPECT_NEAR(batch.targets.at({0, 0, 0}), sum, 1e-6);
      mean += sum / 200;
    }
    EXPECT_NEAR(mean, 1, 0.1);
  }
}

}  // namespace
}  // namespace lw
