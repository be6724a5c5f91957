#include "kernels/clip/clip.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/random.h"
#include "tests/compare.h"

namespace lw {
namespace {

constexpr auto nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> outcome_of(const Tensor& gradients, double mean = 1, double clip_norm = 0,
                               const Tensor& losses = {}) {
  Tensor outcome = Tensor::empty({kernels::clip_outcomes}, DType::f64);
  kernels::clip({gradients, Tensor::scalar(mean, DType::f64), losses, clip_norm}, outcome);
  return outcome.to_vector();
}
double norm_of(const Tensor& gradients) { return outcome_of(gradients)[0]; }

TEST(Clip, SeesEveryGradientAtEverySize) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t size : {0, 1, 31, 33, 1000, 200000}) {
      const Tensor x = Random(4).normal({size}, 0, 1, dtype);
      double expected = 0;
      for (const double value : x.to_vector()) expected += value * value;
      EXPECT_NEAR(norm_of(x), std::sqrt(expected), 5e-11 * std::sqrt(expected));
    }
}

TEST(Clip, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads(
      [] { return Tensors{Tensor::scalar(norm_of(Random(4).normal({200000})), DType::f64)}; });
}

TEST(Clip, ScalesDownOnly) {
  const Tensor ten = Tensor::full({1}, 10);
  EXPECT_EQ(outcome_of(ten)[1], 1);
  EXPECT_EQ(outcome_of(ten, 1, 20)[1], 1);
  EXPECT_NEAR(outcome_of(ten, 1, 1)[1], 0.1, 1e-6);
  EXPECT_LE(10 * outcome_of(ten, 1, 1)[1], 1);
  EXPECT_EQ(outcome_of(ten, 0.25)[0], 2.5);
  EXPECT_EQ(outcome_of(ten, 0.25, 5)[1], 0.25);
  EXPECT_NEAR(outcome_of(ten, 0.25, 0.5)[1], 0.25 * 0.2, 1e-6);
}

TEST(Clip, TheScaleIsFiniteExactlyIfEveryNumberIs) {
  const auto scale_with = [](float value) {
    Tensor x = Tensor::zeros({1000});
    x.slice(0, 999, 1000).fill(value);
    const std::vector<double> outcome = outcome_of(x, 1, 1);
    EXPECT_EQ(std::isfinite(outcome[0]), std::isfinite(outcome[1]));
    return outcome[1];
  };
  EXPECT_TRUE(std::isfinite(scale_with(std::numeric_limits<float>::max())));
  EXPECT_FALSE(std::isfinite(scale_with(std::numeric_limits<float>::infinity())));
  EXPECT_FALSE(std::isfinite(scale_with(std::numeric_limits<float>::quiet_NaN())));

  const Tensor one = Tensor::full({1}, 1);
  const auto with_losses = [&](const std::vector<double>& losses) {
    return outcome_of(one, 1, 0, Tensor::from({std::ssize(losses)}, losses));
  };
  EXPECT_EQ(with_losses({2, 3}), (std::vector<double>{1, 1, 5}));
  EXPECT_TRUE(std::isnan(with_losses({2, nan})[1]));
  EXPECT_TRUE(std::isnan(with_losses({HUGE_VAL, 2})[1]));
  EXPECT_EQ(with_losses({HUGE_VAL, 2})[2], HUGE_VAL);
}

TEST(Clip, RefusesGaps) {
  EXPECT_EQ(testing::error_of([] {
              norm_of(Tensor::zeros({2, 4}).slice(1, 0, 3));
            }),
            "clip: expected contiguous gradients, received f32 [2, 3]");
}

}  // namespace
}  // namespace lw
