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

TEST(InductionHeads, EveryOccurrenceButTheFirstIsAQuestion) {
  Datasets::Choice choice(datasets());
  choice.choose("induction_heads");
  choice.as<InductionHeadsOptions>() = {
      .length = 16, .vocabulary = 8, .occurrences = 7, .train = 300};
  const DataSource source = choice.build({.seed = 3});
  for (int64_t index = 0; index < 300; ++index) {
    const Batch batch = source.train->batch(std::array{index}, 0);
    const std::vector<double> input = batch.inputs.to_vector(), target = batch.targets.to_vector();
    EXPECT_EQ(std::count(input.begin(), input.end(), 0), 8);
    EXPECT_EQ(std::count(target.begin(), target.end(), ignored_target), 16 - 7);
    double answer = ignored_target;  // what followed the special token the last time
    for (size_t t = 0; t < input.size(); ++t) {
      EXPECT_EQ(target[t], input[t] == 0 ? answer : ignored_target);
      if (input[t] == 0 && t + 1 < input.size()) answer = input[t + 1];
    }
  }
}

TEST(InductionHeads, RefusesOccurrencesThatDoNotFit) {
  Datasets::Choice choice(datasets());
  choice.choose("induction_heads");
  choice.as<InductionHeadsOptions>() = {.length = 16, .occurrences = 8};
  try {
    choice.build({.seed = 3});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "data.occurrences is 8; with the tokens that follow them and the question these need a "
        "data.length of at least 17, and it is 16");
  }
}

}  // namespace
}  // namespace lw
