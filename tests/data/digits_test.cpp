#include "data/digits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/parallel.h"

namespace lw {
namespace {

DataSource open(uint64_t seed,
                const DigitsOptions& options = {.train = 200, .validation = 50, .test = 50}) {
  Datasets::Choice choice(datasets());
  choice.choose("digits");
  choice.as<DigitsOptions>() = options;
  return choice.build({.seed = seed});
}

std::vector<double> sample(const Dataset& data, int64_t index) {
  return data.batch(std::array{index}, 0).inputs.to_vector();
}

TEST(Digits, ShapesAndStandardisation) {
  const DataSource source = open(1);
  EXPECT_EQ(source.task.length, 784);
  EXPECT_EQ(source.task.classes, 10);
  std::vector<int64_t> all(200);
  std::iota(all.begin(), all.end(), 0);
  const Batch batch = source.train->batch(all, 0);
  EXPECT_EQ(batch.inputs.shape(), (Shape{200, 784, 1}));
  EXPECT_EQ(batch.targets.shape(), (Shape{200}));
  double mean = 0, square = 0;
  for (const double v : batch.inputs.to_vector())
    mean += v / (200 * 784), square += v * v / (200 * 784);
  EXPECT_NEAR(mean, 0, 1e-4);
  EXPECT_NEAR(square, 1, 1e-4);
}

TEST(Digits, ASampleIsAFunctionOfSeedAndIndex) {
  EXPECT_EQ(sample(*open(1).train, 5), sample(*open(1).train, 5));
  EXPECT_NE(sample(*open(1).train, 5), sample(*open(2).train, 5));
  EXPECT_NE(sample(*open(1).train, 5), sample(*open(1).test, 5));
  const int before = num_threads();
  set_num_threads(3);
  const std::vector<double> three = sample(*open(1).train, 199);
  set_num_threads(1);
  EXPECT_EQ(sample(*open(1).train, 199), three);
  set_num_threads(before);
}

TEST(Digits, EveryDigitHasItsOwnLook) {
  // The mean image of each class, drawn without noise, differs clearly from that of every other
  // class.
  constexpr int64_t size = 28, draws = 40;
  std::array<std::vector<double>, 10> mean;
  for (int digit = 0; digit < 10; ++digit) {
    mean[digit].resize(size * size);
    for (uint64_t i = 0; i < draws; ++i) {
      uint8_t pixels[size * size];
      draw_digit(digit, size, 0, Random(i).fork("look"), pixels);
      for (int64_t p = 0; p < size * size; ++p) mean[digit][p] += pixels[p] / 255.0 / draws;
    }
  }
  for (int a = 0; a < 10; ++a) {
    EXPECT_GT(std::accumulate(mean[a].begin(), mean[a].end(), 0.0), 20);  // ink
    for (int b = 0; b < a; ++b) {
      double distance = 0;
      for (int64_t p = 0; p < size * size; ++p) distance += std::pow(mean[a][p] - mean[b][p], 2);
      EXPECT_GT(distance, 3) << a << " and " << b;
    }
  }
  uint8_t pixel;
  EXPECT_THROW(draw_digit(10, 1, 0, Random(0), &pixel), Error);
}

TEST(Digits, LengthAndPermutation) {
  const std::vector<double> whole =
      sample(*open(3, {.train = 20, .validation = 1, .test = 1}).train, 4);
  EXPECT_EQ(
      sample(*open(3, {.length = 100, .train = 20, .validation = 1, .test = 1}).train, 4).size(),
      100u);
  std::vector<double>
      permuted =
          sample(*open(3, {.train = 20, .validation = 1, .test = 1, .permute = true}).train, 4),
      sorted = whole;
  EXPECT_NE(permuted, whole);
  std::sort(permuted.begin(), permuted.end()), std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(permuted, sorted);
  EXPECT_THROW(open(3, {.length = 785, .train = 20}), Error);
}

}  // namespace
}  // namespace lw
