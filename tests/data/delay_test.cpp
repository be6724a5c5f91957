#include "data/delay.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace lw {
namespace {

DataSource make(const DelayOptions& options, uint64_t seed = 3) {
  Datasets::Choice choice(datasets());
  choice.choose("delay");
  choice.as<DelayOptions>() = options;
  return choice.build({.seed = seed});
}

TEST(Delay, TheTargetIsTheInputOfSomeStepsBefore) {
  const DataSource source = make({.length = 50, .lag = 7});
  EXPECT_EQ(source.task.horizon, 50);
  const Batch batch = source.train->batch(std::array<int64_t, 2>{4, 9}, 0);
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t t = 0; t < 50; ++t)
      EXPECT_EQ(batch.targets.at({i, t, 0}), t < 7 ? 0 : batch.inputs.at({i, t - 7, 0}));
}

TEST(Delay, TheSignalHasVarianceOneAndNoHighFrequencies) {
  const int64_t length = 128;
  const DataSource source = make({.length = length, .lag = 1, .bandwidth = 0.25});
  for (int64_t index = 0; index < 10; ++index) {
    const std::vector<double> u = source.test->batch(std::array{index}, 0).inputs.to_vector();
    double square = 0;
    for (const double x : u) square += x * x / static_cast<double>(length);
    EXPECT_NEAR(square, 1, 1e-5);
    for (int64_t k = 0; k <= length / 2; ++k) {
      std::complex<double> spectrum = 0;
      for (int64_t t = 0; t < length; ++t)
        spectrum += u[static_cast<size_t>(t)] *
                    std::polar(1., -2 * std::numbers::pi * static_cast<double>(k * t) /
                                       static_cast<double>(length));
      EXPECT_EQ(std::abs(spectrum) > 1e-3, k >= 1 && k <= 16) << k;
    }
  }
}

TEST(Delay, SamplesAreFunctionsOfSeedSplitAndIndex) {
  const DelayOptions options{.length = 20, .lag = 2};
  const DataSource one = make(options), same = make(options), other = make(options, 4);
  const std::array<int64_t, 1> at{5};
  const auto input = [&](const Dataset& split) { return split.batch(at, 0).inputs.to_vector(); };
  EXPECT_EQ(input(*one.train), input(*same.train));
  EXPECT_NE(input(*one.train), input(*other.train));
  EXPECT_NE(input(*one.train), input(*one.test));
}

TEST(Delay, RefusesALagThatLeavesNothingToAsk) {
  try {
    make({.length = 20, .lag = 20});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "data.lag is 20, but a sample has 20 steps, and nothing would be asked");
  }
}

}  // namespace
}  // namespace lw
