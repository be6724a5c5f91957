#include "kernels/sgd/sgd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/sgd.h"

namespace lw {
namespace {

void update(const reference::SgdUpdate& u, const Tensor& g, Tensor& p, Tensor& b) {
  kernels::sgd(g, {u.momentum, u.nesterov},
               kernels::one_group(g.numel(), std::vector{u.weight_decay, u.lr}, u.gradient_scale),
               p, b);
}

Tensor draw(const char* name, int64_t size, DType dtype = DType::f32) {
  return Random(5).fork(name).normal({size}, 0, 1, dtype);
}

TEST(SgdKernel, AgreesWithTheNaiveUpdateAtEverySize) {
  for (const bool nesterov : {false, true}) {
    const reference::SgdUpdate settings{
        .lr = 0.1, .momentum = 0.9, .nesterov = nesterov, .weight_decay = 0.1, .gradient_scale = 2};
    for (const DType dtype : {DType::f32, DType::f64})
      for (const int64_t size : {0, 1, 31, 32, 33, 63, 1000}) {
        const Tensor g = draw("g", size, dtype);
        Tensor p = draw("p", size, dtype), b = draw("b", size, dtype);
        auto p1 = p.to_vector(), b1 = b.to_vector();
        reference::sgd(settings, g.to_vector(), p1, b1);
        update(settings, g, p, b);
        const double tolerance = dtype == DType::f32 ? 2e-6 : 1e-14;
        testing::expect_close(p, Tensor::from({size}, p1), tolerance);
        testing::expect_close(b, Tensor::from({size}, b1), tolerance);
      }
  }
}

TEST(SgdKernel, WithoutMomentumNeedsNoBuffer) {
  const Tensor g = draw("g", 33, DType::f64);
  Tensor p = draw("p", 33, DType::f64), none;
  auto p1 = p.to_vector(), b1 = std::vector<double>(33);
  reference::sgd({.lr = 0.1}, g.to_vector(), p1, b1);
  update({.lr = 0.1}, g, p, none);
  testing::expect_close(p, Tensor::from({33}, p1), 1e-14);
}

TEST(SgdKernel, AScaleThatIsNotFiniteChangesNothing) {
  Tensor p = draw("p", 33), b = draw("b", 33);
  const auto before = p.to_vector(), momentum = b.to_vector();
  update({.lr = 0.1, .momentum = 0.9, .gradient_scale = std::nan("")}, draw("g", 33), p, b);
  EXPECT_EQ(p.to_vector(), before);
  EXPECT_EQ(b.to_vector(), momentum);
}

TEST(SgdKernel, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads([] {
    Tensor p = draw("p", 90300), b = draw("b", 90300);
    update({.lr = 0.1, .momentum = 0.9}, draw("g", 90300), p, b);
    return Tensors{p, b};
  });
}

TEST(SgdKernel, RefusesTensorsOfOtherSizesAndAMissingBuffer) {
  Tensor two = Tensor::zeros({2}), none;
  EXPECT_EQ(testing::error_of([&] { update({}, Tensor::zeros({3}), two, none); }),
            "sgd: expected contiguous tensors of one size, received f32 [3] and f32 [2]");
  EXPECT_EQ(testing::error_of([&] { update({.momentum = 0.5}, two, two, none); }),
            "sgd: with momentum 0.5 the momentum buffer is none, the gradient f32 [2]");
}

}  // namespace
}  // namespace lw
