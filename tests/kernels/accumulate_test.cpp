#include "kernels/accumulate/accumulate.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "tests/compare.h"

namespace lw {
namespace {

TEST(Accumulate, AddsAtEverySizeAndDType) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const int64_t size : {0, 1, 31, 33, 1000, 16384, 40001}) {
      const Tensor x = Random(1).normal({size}, 0, 1, dtype);
      Tensor y = Random(2).normal({size}, 0, 1, dtype);
      const std::vector<double> a = x.to_vector(), b = y.to_vector();
      kernels::accumulate(x, y);
      const double rounding = dtype == DType::f32 ? 1e-6 : 1e-15;
      for (size_t i = 0; i < a.size(); ++i)
        EXPECT_NEAR(y.at({static_cast<int64_t>(i)}), a[i] + b[i], rounding * 4);
    }
  }
}

TEST(Accumulate, PitchedRowsLeaveWhatIsBetweenThem) {
  Tensor whole = Tensor::full({3, 4, 8}, 1);
  Tensor y = whole.slice(-1, 2, 5);
  kernels::accumulate(Tensor::full({3, 4, 6}, 2).slice(-1, 1, 4), y);
  EXPECT_EQ(y.to_vector(), std::vector<double>(36, 3));
  EXPECT_EQ(whole.at({1, 2, 1}), 1);
  EXPECT_EQ(whole.at({1, 2, 5}), 1);
}

TEST(Accumulate, RefusesAnotherShapeAndIntegers) {
  Tensor y = Tensor::zeros({2});
  EXPECT_EQ(testing::error_of([&] { kernels::accumulate(Tensor::zeros({3}), y); }),
            "accumulate: expected f32 [2], received f32 [3]");
  Tensor n = Tensor::zeros({2}, DType::i64);
  EXPECT_EQ(testing::error_of([&] { kernels::accumulate(n, n); }),
            "accumulate: no gradient has dtype i64");
}

}  // namespace
}  // namespace lw
