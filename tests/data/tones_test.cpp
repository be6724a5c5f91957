#include "data/tones.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <complex>
#include <numbers>
#include <set>

namespace lw {
namespace {

DataSource make(const TonesOptions& options) {
  Datasets::Choice choice(datasets());
  choice.choose("tones");
  choice.as<TonesOptions>() = options;
  return choice.build({.seed = 3});
}

TEST(Tones, HalfTheRateIsEverySecondSample) {
  const std::array<int64_t, 2> indices{3, 8};
  const DataSource whole = make({.length = 400});
  const Batch samples = whole.train->batch(indices, 0);
  const Batch half = make({.length = 400, .rate = 0.5}).train->batch(indices, 0);
  const Batch also_half = whole.train->at_rate(0.5)->batch(indices, 0);
  EXPECT_EQ(half.inputs.shape(), (Shape{2, 200, 1}));
  EXPECT_EQ(half.targets.to_vector(), samples.targets.to_vector());
  EXPECT_EQ(half.inputs.to_vector(), also_half.inputs.to_vector());
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t t = 0; t < 200; ++t)
      EXPECT_NEAR(half.inputs.at({i, t, 0}), samples.inputs.at({i, 2 * t, 0}), 1e-5);
  EXPECT_EQ(whole.train->at_rate(2)->batch(indices, 0).inputs.size(1), 800);
}

TEST(Tones, TheClassSaysWhichTonesAreHigh) {
  // In the middle sixth of each third a tone sounds alone: its energy lies below or above 50 cycles.
  const int64_t length = 1200;
  const DataSource source = make({.length = length, .noise = 0});
  std::set<int64_t> classes;
  for (int64_t index = 0; index < 40; ++index) {
    const Batch batch = source.test->batch(std::array{index}, 0);
    const std::vector<double> x = batch.inputs.to_vector();
    const auto word = static_cast<int64_t>(batch.targets.to_vector()[0]);
    classes.insert(word);
    for (int64_t tone = 0; tone < 3; ++tone) {
      double low = 0, high = 0;
      const int64_t begin = length * (2 * tone + 1) / 6 - 60;
      for (int64_t cycles = 10; cycles < 100; cycles += 2) {
        std::complex<double> sum = 0;
        for (int64_t t = begin; t < begin + 120; ++t)
          sum += x[static_cast<size_t>(t)] *
                 std::polar(1., 2 * std::numbers::pi * static_cast<double>(cycles * t) /
                                    static_cast<double>(length));
        (cycles < 50 ? low : high) += std::norm(sum);
      }
      EXPECT_EQ(high > low, (word >> (2 - tone) & 1) == 1) << index << " " << word << " " << tone;
    }
  }
  EXPECT_EQ(classes.size(), 8u);
}

TEST(Tones, NoiseHasTheDeviationAskedFor) {
  const std::array<int64_t, 1> index{5};
  const std::vector<double> clean = make({.noise = 0}).train->batch(index, 0).inputs.to_vector(),
                            noisy = make({.noise = 2}).train->batch(index, 0).inputs.to_vector();
  double square = 0;
  for (size_t t = 0; t < clean.size(); ++t) {
    EXPECT_LE(std::abs(clean[t]), 1);
    square += (noisy[t] - clean[t]) * (noisy[t] - clean[t]);
  }
  EXPECT_NEAR(std::sqrt(square / static_cast<double>(clean.size())), 2, 1e-3);
}

}  // namespace
}  // namespace lw
