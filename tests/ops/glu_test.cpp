#include "autograd/ops/glu.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/compare.h"

namespace lw {
namespace {

using lw::testing::error_of;
using lw::testing::expect_close;
using lw::testing::expect_same_on_any_threads;

Tensor noise(const Shape& shape, DType dtype = DType::f64) {
  return Random(1).normal(shape, 0, 1, dtype);
}

Tensor naive(const Tensor& x) {
  const int64_t rows = x.size(0), channels = x.size(1) / 2;
  std::vector<double> y;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c)
      y.push_back(x.at({r, c}) / (1 + std::exp(-x.at({r, channels + c}))));
  return Tensor::from({rows, channels}, y);
}

TEST(Glu, AgreesWithTheReferenceAtAwkwardSizes) {
  for (const int64_t channels : {0, 1, 31, 32, 33, 63, 1000}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor whole = noise({3, 2 * channels + 5}, dtype);
      const Tensor x = whole.slice(1, 1, 1 + 2 * channels);
      const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-14;
      expect_close(glu(x).value(), naive(x), tolerance);
      expect_close(glu(x.contiguous()).value(), naive(x), tolerance);
    }
  }
}

TEST(Glu, GradientsAgreeWithCentralDifferences) {
  for (const Shape& shape : {Shape{2}, Shape{3, 66}, Shape{2, 3, 8}})
    check_gradients([](const Variables& v) { return glu(v[0]); }, {noise(shape)});
}

TEST(Glu, IsTheGateOfItsHalves) {
  const Tensor x = noise({4, 10});
  EXPECT_EQ(glu(x).value().to_vector(),
            glu(x.slice(1, 0, 5), x.slice(1, 5, 10)).value().to_vector());
}

TEST(Glu, HasTheSameBitsOnAnyNumberOfThreads) {
  const Tensor x = noise({1000, 128}, DType::f32);
  expect_same_on_any_threads([&] {
    const Variable leaf(x, true);
    const Variable y = glu(leaf);
    y.backward(y.value());
    return Tensors{y.value(), leaf.grad()};
  });
}

TEST(Glu, SaysWhatItExpected) {
  EXPECT_EQ(error_of([] {
              glu(Tensor::zeros({2, 3}));
            }),
            "glu: expected a last axis of even size, received f32 [2, 3]");
}

}  // namespace
}  // namespace lw
