#include "kernels/adamw/adamw.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/adamw.h"

namespace lw {
namespace {

using kernels::AdamUpdate;

struct Moments {
  Tensor g, p, m, v;
};

Moments draw(int64_t size, DType dtype) {
  const Random random(5);
  return {
      random.fork("g").normal({size}, 0, 1, dtype), random.fork("p").normal({size}, 0, 1, dtype),
      random.fork("m").normal({size}, 0, 1, dtype), random.fork("v").uniform({size}, 0, 1, dtype)};
}

TEST(AdamWKernel, AgreesWithTheNaiveUpdateAtEverySize) {
  for (const bool decoupled : {true, false}) {
    const AdamUpdate update{
        .lr = 0.1, .weight_decay = 0.1, .decoupled = decoupled, .gradient_scale = 2, .update = 3};
    for (const DType dtype : {DType::f32, DType::f64})
      for (const int64_t size : {0, 1, 31, 32, 33, 63, 1000}) {
        Moments x = draw(size, dtype);
        auto p = x.p.to_vector(), m = x.m.to_vector(), v = x.v.to_vector();
        reference::adamw(update, x.g.to_vector(), p, m, v);
        kernels::adamw(x.g, update, x.p, x.m, x.v);
        const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-14;
        testing::expect_close(x.p, Tensor::from({size}, p), 10 * tolerance);
        testing::expect_close(x.m, Tensor::from({size}, m), tolerance);
        testing::expect_close(x.v, Tensor::from({size}, v), tolerance);
      }
  }
}

TEST(AdamWKernel, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads([] {
    Moments x = draw(90300, DType::f32);
    kernels::adamw(x.g, {.lr = 0.1, .weight_decay = 0.1}, x.p, x.m, x.v);
    return Tensors{x.p, x.m, x.v};
  });
}

TEST(AdamWKernel, RefusesTensorsOfOtherSizes) {
  Tensor two = Tensor::zeros({2});
  EXPECT_EQ(testing::error_of([&] { kernels::adamw(Tensor::zeros({3}), {}, two, two, two); }),
            "adamw: expected contiguous tensors of one size, received f32 [3] and f32 [2]");
}

}  // namespace
}  // namespace lw
