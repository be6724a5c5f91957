#include "data/random_tokens.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace lw {
namespace {

TEST(RandomTokens, TheTargetIsTheNextInput) {
  Datasets::Choice choice(datasets());
  choice.choose("random_tokens");
  choice.as<RandomTokensOptions>() = {.length = 200, .vocabulary = 7, .train = 3};
  const DataSource source = choice.build({.seed = 3});
  EXPECT_EQ(source.task.vocabulary, 7);
  EXPECT_EQ(source.train->size(), 3);
  const Batch batch = source.train->batch(std::array<int64_t, 2>{2, 0}, 0);
  const std::vector<double> input = batch.inputs.to_vector(), target = batch.targets.to_vector();
  ASSERT_EQ(input.size(), 400u);
  for (size_t t = 0; t + 1 < 200; ++t) EXPECT_EQ(target[t], input[t + 1]);
  for (int64_t token = 0; token < 7; ++token)
    EXPECT_GT(std::count(input.begin(), input.end(), token), 20);
  EXPECT_EQ(source.train->batch(std::array<int64_t, 1>{2}, 5).inputs.to_vector(),
            std::vector<double>(input.begin(), input.begin() + 200));
}

}  // namespace
}  // namespace lw
