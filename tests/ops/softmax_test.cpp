#include "autograd/ops/softmax.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/softmax.h"

namespace lw {
namespace {

using lw::testing::error_of;
using lw::testing::expect_close;
using lw::testing::expect_same_on_any_threads;

Tensor noise(const Shape& shape, DType dtype = DType::f64, double deviation = 1) {
  return Random(1).normal(shape, 0, deviation, dtype);
}

TEST(Softmax, AgreesWithTheReferenceAtAwkwardSizes) {
  for (const int64_t size : {1, 31, 32, 33, 63, 1000, 5000}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor whole = noise({7, size + 3}, dtype, 4);
      const Tensor view = whole.slice(1, 2, 2 + size);
      const Tensor expected = Tensor::from({7, size}, reference::log_softmax(view));
      std::vector<double> probabilities = expected.to_vector();
      for (double& p : probabilities) p = std::exp(p);
      const Tensor exponential = Tensor::from({7, size}, probabilities);
      const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-14;
      for (const Tensor& x : {view, view.contiguous()}) {
        expect_close(log_softmax(x).value(), expected, tolerance);
        expect_close(softmax(x).value(), exponential, tolerance);
      }
    }
  }
  EXPECT_EQ(softmax(Tensor::zeros({0, 3})).shape(), Shape({0, 3}));
}

TEST(Softmax, IsStable) {
  const Tensor x = Tensor::from({2, 3}, std::vector<float>{1e4f, 0, -1e4f, -1e30f, -1e30f, 1});
  EXPECT_EQ(softmax(x).value().to_vector(), (std::vector<double>{1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(log_softmax(x).value().at({0, 2}), -2e4);
  const Tensor masked = Tensor::from({2}, std::vector<double>{0, -INFINITY});
  EXPECT_EQ(softmax(masked).value().to_vector(), (std::vector<double>{1, 0}));
}

TEST(Softmax, GradientsAgreeWithCentralDifferencesOnEveryAxis) {
  for (const int axis : {0, 1, 2, -1}) {
    const Tensor x = noise({3, 4, 33});
    check_gradients([axis](const Variables& v) { return softmax(v[0], axis); }, {x});
    check_gradients([axis](const Variables& v) { return log_softmax(v[0], axis); }, {x});
  }
}

TEST(Softmax, HasTheSameBitsOnAnyNumberOfThreads) {
  const Tensor x = noise({500, 130}, DType::f32);
  expect_same_on_any_threads([&] {
    const Variable a(x, true), b(x, true);
    softmax(a).backward(x);
    log_softmax(b).backward(x);
    return Tensors{softmax(x).value(), log_softmax(x).value(), a.grad(), b.grad()};
  });
}

TEST(Softmax, SaysWhatItExpected) {
  EXPECT_EQ(error_of([] { softmax(Tensor::zeros({2}, DType::i64)); }),
            "softmax: expected dtype f32 or f64, received i64");
}

}  // namespace
}  // namespace lw
