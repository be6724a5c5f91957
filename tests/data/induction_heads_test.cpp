#include "data/induction_heads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace lw {
namespace {

TEST(InductionHeads, TheAnswerFollowedTheSpecialTokenBefore) {
  Datasets::Choice choice(datasets());
  choice.choose("induction_heads");
  choice.as<InductionHeadsOptions>() = {.length = 20, .vocabulary = 8, .train = 300};
  const DataSource source = choice.build({.seed = 3});
  for (int64_t index = 0; index < 300; ++index) {
    const Batch batch = source.train->batch(std::array{index}, 0);
    const std::vector<double> input = batch.inputs.to_vector(), target = batch.targets.to_vector();
    EXPECT_EQ(std::count(input.begin(), input.end(), 0), 2);
    EXPECT_EQ(input.back(), 0);
    EXPECT_EQ(target.back(), *(std::find(input.begin(), input.end(), 0) + 1));
    EXPECT_EQ(std::count(target.begin(), target.end(), ignored_target), 19);
    EXPECT_LT(*std::max_element(input.begin(), input.end()), 8);
  }
}

}  // namespace
}  // namespace lw
