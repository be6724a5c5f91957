#include "autograd/ops/mse.h"

#include <cmath>

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/mse.h"

namespace lw {
namespace {

using testing::error_of;

Tensor noise(const Shape& shape, uint64_t stream, DType dtype = DType::f64) {
  return Random(7).fork(stream).normal(shape, 0, 1, DType::f64).to(dtype);
}

TEST(Mse, EqualsTheReference) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t n : {1, 31, 32, 33, 63, 1000})
      for (const int64_t gap : {0, 3}) {
        const Tensor x = noise({40, n + gap}, 1, dtype).slice(1, gap, n + gap),
                     y = noise({40, n}, 2, dtype);
        const double sum = reference::squared_error(x, y);
        const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-12;
        EXPECT_NEAR(mse(x, y).value().item(), sum / static_cast<double>(x.numel()), tolerance * 5);
        EXPECT_NEAR(mse(x, y, 2.).value().item(), sum / 2, tolerance * sum);
      }
  EXPECT_EQ(mse(Tensor::zeros({0, 3}), Tensor::zeros({0, 3})).value().item(), 0);
}

TEST(Mse, GradientsAgreeWithDifferences) {
  const auto f = [](const Variables& v) { return mse(v[0], v[1]); };
  check_gradients(f, {noise({2, 3, 5}, 1), noise({2, 3, 5}, 2)});
  check_gradients(f, {noise({}, 1), noise({}, 2)});
  check_gradients([](const Variables& v) { return mse(v[0], v[1], 3.); },
                  {noise({4, 33}, 1), noise({4, 33}, 2)});
}

TEST(Mse, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const int64_t gap : {0, 3})
    testing::expect_same_on_any_threads([&] {
      const Variable x(noise({900, 65 + gap}, 1, DType::f32).slice(1, gap, 65 + gap), true);
      const Variable loss = mse(x, noise({900, 65}, 2, DType::f32));
      loss.backward();
      return Tensors{loss.value(), x.grad()};
    });
}

TEST(Mse, RefusesShapesThatDiffer) {
  EXPECT_EQ(error_of([] {
              mse(Tensor::zeros({2, 3}), Tensor::zeros({2, 1}));
            }),
            "mse: `target` is f32 [2, 1], expected f32 [2, 3] like `prediction`");
}

}  // namespace
}  // namespace lw
