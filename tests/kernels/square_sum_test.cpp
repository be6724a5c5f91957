#include "kernels/square_sum/square_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/random.h"
#include "tests/compare.h"

namespace lw {
namespace {

double sum_of(const Tensor& x) {
  double sum = 0;
  kernels::square_sum(x, sum);
  return sum;
}

TEST(SquareSum, SeesEveryElementAtEverySize) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t size : {0, 1, 31, 33, 1000, 200000}) {
      const Tensor x = Random(4).normal({size}, 0, 1, dtype);
      double expected = 0;
      for (const double value : x.to_vector()) expected += value * value;
      EXPECT_NEAR(sum_of(x), expected, 1e-10 * expected);
    }
}

TEST(SquareSum, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads(
      [] { return Tensors{Tensor::scalar(sum_of(Random(4).normal({200000})), DType::f64)}; });
}

TEST(SquareSum, IsFiniteExactlyIfEveryElementIs) {
  const auto with = [](float value) {
    Tensor x = Tensor::zeros({1000});
    x.slice(0, 999, 1000).fill(value);
    return sum_of(x);
  };
  EXPECT_TRUE(std::isfinite(with(std::numeric_limits<float>::max())));
  EXPECT_FALSE(std::isfinite(with(std::numeric_limits<float>::infinity())));
  EXPECT_FALSE(std::isfinite(with(std::numeric_limits<float>::quiet_NaN())));
}

TEST(SquareSum, RefusesGaps) {
  EXPECT_EQ(testing::error_of([] {
              sum_of(Tensor::zeros({2, 4}).slice(1, 0, 3));
            }),
            "square_sum: expected a contiguous tensor, received f32 [2, 3]");
}

}  // namespace
}  // namespace lw
