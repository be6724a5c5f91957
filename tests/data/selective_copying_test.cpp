#include "data/selective_copying.h"

#include <gtest/gtest.h>

#include <array>

namespace lw {
namespace {

DataSource open(const SelectiveCopyingOptions& options) {
  Datasets::Choice choice(datasets());
  choice.choose("selective_copying");
  choice.as<SelectiveCopyingOptions>() = options;
  return choice.build({.seed = 1});
}

TEST(SelectiveCopying, TheTargetsAreTheDataTokensInOrder) {
  const DataSource source = open({.length = 40, .tokens = 5, .vocabulary = 9, .train = 100});
  for (int64_t index = 0; index < 100; ++index) {
    const Batch batch = source.train->batch(std::array{index}, 0);
    const std::vector<double> input = batch.inputs.to_vector(), target = batch.targets.to_vector();
    std::vector<double> data;
    for (int t = 0; t < 35; ++t) {
      EXPECT_NE(input[t], 1);
      EXPECT_LT(input[t], 9);
      EXPECT_EQ(target[t], ignored_target);
      if (input[t] != 0) data.push_back(input[t]);
    }
    EXPECT_EQ(data, std::vector<double>(target.begin() + 35, target.end()));
    for (int t = 35; t < 40; ++t) EXPECT_EQ(input[t], 1);
  }
}

TEST(SelectiveCopying, PlacesAreUniform) {
  const DataSource source = open({.length = 30, .tokens = 5, .train = 5000});
  std::array<int, 25> counts{};
  for (int64_t index = 0; index < 5000; ++index) {
    const std::vector<double> input = source.train->batch(std::array{index}, 0).inputs.to_vector();
    for (int t = 0; t < 25; ++t) counts[t] += input[t] != 0;
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 130);  // 4.5 standard deviations
}

TEST(SelectiveCopying, SplitsDifferAndShortLengthsAreRefused) {
  const DataSource source = open({});
  const std::array<int64_t, 1> first{0};
  EXPECT_NE(source.train->batch(first, 0).inputs.to_vector(),
            source.test->batch(first, 0).inputs.to_vector());
  EXPECT_EQ(source.task.classes, 16);
  EXPECT_THROW(open({.length = 31, .tokens = 16}), Error);
}

}  // namespace
}  // namespace lw
