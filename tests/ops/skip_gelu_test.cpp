#include "autograd/ops/skip_gelu.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/skip_gelu.h"

namespace lw {
namespace {

using testing::error_of;
using testing::pitched;

struct Arguments {
  Tensor x, D, u;
};

Arguments noise(const Shape& shape, DType dtype = DType::f64) {
  const Random random(1);
  return {random.fork("x").normal(shape, 0, 2, dtype),
          random.fork("D").normal({shape[-1]}, 0, 1, dtype),
          random.fork("u").normal(shape, 0, 1, dtype)};
}

TEST(SkipGelu, AgreesWithTheReferenceAtAwkwardSizes) {
  for (const int64_t channels : {1, 31, 32, 33, 63, 1000})
    for (const int64_t rows : {1, 3, 70})
      for (const DType dtype : {DType::f32, DType::f64}) {
        SCOPED_TRACE(str(dtype, " ", rows, " ", channels));
        const auto [x, D, u] = noise({rows, channels}, dtype);
        const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-14;
        const Tensor expected = reference::skip_gelu(x, D, u);
        testing::expect_close(skip_gelu(x, D, u).value(), expected, tolerance);
        testing::expect_close(skip_gelu(pitched(x), D, pitched(u)).value(), expected, tolerance);
      }
}

TEST(SkipGelu, GradientsAgreeWithCentralDifferences) {
  for (const Shape& shape :
       {Shape{5}, Shape{1, 1}, Shape{3, 33}, Shape{2, 3, 8}, Shape{300, 2}, Shape{2, 0, 3}}) {
    const auto [x, D, u] = noise(shape);
    const auto f = [](const Variables& v) { return skip_gelu(v[0], v[1], v[2]); };
    check_gradients(f, {x, D, u});
    check_gradients(f, {pitched(x), D, pitched(u)});
  }
}

TEST(SkipGelu, IsTheOpsItIsMadeOf) {
  const auto [x, D, u] = noise({4, 50, 37});
  const auto run = [&](const std::function<Variable(const Variables&)>& f) {
    const Variables leaves{{x, true}, {D, true}, {u, true}};
    const Variable y = f(leaves);
    y.backward(Random(2).normal(y.shape(), 0, 1, DType::f64));
    return Tensors{y.value(), leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
  };
  const Tensors fused = run([](const Variables& v) { return skip_gelu(v[0], v[1], v[2]); });
  const Tensors ops = run([](const Variables& v) { return gelu(v[0] + v[1] * v[2]); });
  for (size_t i = 0; i < ops.size(); ++i) testing::expect_close(fused[i], ops[i], 1e-13);
}

TEST(SkipGelu, HasTheSameBitsOnAnyNumberOfThreads) {
  const auto [x, D, u] = noise({3000, 65}, DType::f32);
  testing::expect_same_on_any_threads([&, x = x, D = D, u = u] {
    const Variable a(x, true), b(D, true), c(u, true);
    const Variable y = skip_gelu(a, b, c);
    y.backward(y.value());
    return Tensors{y.value(), a.grad(), b.grad(), c.grad()};
  });
}

TEST(SkipGelu, RefusesWhatDoesNotFit) {
  const auto zeros = [](const Shape& shape) { return Tensor::zeros(shape); };
  EXPECT_EQ(error_of([&] {
              skip_gelu(zeros({2, 3}), zeros({3}), zeros({2, 4}));
            }),
            "skip_gelu: `u` is f32 [2, 4], expected f32 [2, 3] like `x`");
  EXPECT_EQ(error_of([&] {
              skip_gelu(zeros({2, 3}), zeros({4}), zeros({2, 3}));
            }),
            "skip_gelu: axis `channel` of `D` is 4, expected 3\n"
            "  expected  D [channel] = [3]\n"
            "  received  D           = [4]\n"
            "  because   x [row, channel] = [2, 3]");
}

}  // namespace
}  // namespace lw
