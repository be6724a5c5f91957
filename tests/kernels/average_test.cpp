#include "kernels/average/average.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "tests/compare.h"

namespace lw {
namespace {

Tensor draw(const char* name, int64_t size, DType dtype = DType::f32) {
  return Random(5).fork(name).normal({size}, 0, 1, dtype);
}

Tensor number(double value) { return Tensor::scalar(value, DType::f64); }

TEST(Average, MovesByTheWeightAtEverySize) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t size : {0, 1, 31, 32, 33, 63, 1000}) {
      const Tensor x = draw("x", size, dtype);
      Tensor y = draw("y", size, dtype);
      std::vector<double> expected = y.to_vector();
      for (size_t i = 0; i < expected.size(); ++i)
        expected[i] += 0.3 * (x.to_vector()[i] - expected[i]);
      kernels::average(x, number(0.3), y);
      testing::expect_close(y, Tensor::from({size}, expected), dtype == DType::f32 ? 1e-6 : 1e-15);
    }
}

TEST(Average, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads([] {
    Tensor y = draw("y", 90300);
    kernels::average(draw("x", 90300), number(0.1), y);
    return Tensors{y};
  });
}

TEST(Average, RefusesTensorsOfOtherSizes) {
  Tensor two = Tensor::zeros({2});
  EXPECT_EQ(testing::error_of([&] { kernels::average(Tensor::zeros({3}), number(1), two); }),
            "average: expected contiguous tensors of one size, received f32 [3] and f32 [2]");
}

}  // namespace
}  // namespace lw
