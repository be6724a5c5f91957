#include "kernels/adamw/adamw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/adamw.h"

namespace lw {
namespace {

/// One update of a buffer cut into groups that end at `ends`, all with the same settings.
void update(const reference::AdamUpdate& u, const std::vector<int64_t>& ends, Tensor& p,
            const Tensor& g, Tensor& m, Tensor& v) {
  const kernels::AdamUpdate method{u.beta1, u.beta2, u.epsilon, u.decoupled};
  kernels::UpdateNumbers numbers;
  std::vector<double> factors;
  for (const int64_t end : ends) {
    numbers.groups.ends[numbers.groups.count++] = end;
    for (const double x : kernels::factors_of(method, u.lr, u.weight_decay, u.update))
      factors.push_back(x);
  }
  numbers.factors = Tensor::from({std::ssize(ends), kernels::adam_factors}, factors);
  numbers.scale = Tensor::scalar(u.gradient_scale, DType::f64);
  kernels::adamw(g, method, numbers, p, m, v);
}

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
    const reference::AdamUpdate settings{
        .lr = 0.1, .weight_decay = 0.1, .decoupled = decoupled, .gradient_scale = 2, .update = 3};
    for (const DType dtype : {DType::f32, DType::f64})
      for (const int64_t size : {0, 1, 31, 32, 33, 63, 1000}) {
        Moments x = draw(size, dtype);
        auto p = x.p.to_vector(), m = x.m.to_vector(), v = x.v.to_vector();
        reference::adamw(settings, x.g.to_vector(), p, m, v);
        update(settings, {size}, x.p, x.g, x.m, x.v);
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
    update({.lr = 0.1, .weight_decay = 0.1}, {90300}, x.p, x.g, x.m, x.v);
    return Tensors{x.p, x.m, x.v};
  });
}

TEST(AdamWKernel, EveryGroupHasItsFactors) {
  const auto in_one = [](const std::vector<int64_t>& ends) {
    Moments x = draw(1000, DType::f32);
    update({.lr = 0.1, .weight_decay = 0.1}, ends, x.p, x.g, x.m, x.v);
    return x.p.to_vector();
  };
  EXPECT_EQ(in_one({16, 16, 512, 1000}), in_one({1000}));

  Moments x = draw(1000, DType::f32);
  const auto before = x.p.to_vector();
  kernels::UpdateNumbers numbers = kernels::one_group(1000, std::vector<double>(4));
  numbers.groups.count = 3;
  std::ranges::copy(std::vector<int64_t>{16, 48, 1000}, numbers.groups.ends);
  numbers.factors = Tensor::from({3, 4}, std::vector<double>{0, 1, 1, 0, 0, 1, 1, 0.1, 0, 1, 1,
                                                             0});  // the second alone learns
  kernels::adamw(x.g, {}, numbers, x.p, x.m, x.v);
  const auto after = x.p.to_vector();
  for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i] != before[i], 16 <= i && i < 48);
}

TEST(AdamWKernel, AScaleThatIsNotFiniteChangesNothing) {
  Moments x = draw(1000, DType::f32);
  const auto p = x.p.to_vector(), m = x.m.to_vector(), v = x.v.to_vector();
  for (const double scale : {std::nan(""), HUGE_VAL})
    update({.lr = 0.1, .gradient_scale = scale}, {1000}, x.p, x.g, x.m, x.v);
  EXPECT_EQ(x.p.to_vector(), p);
  EXPECT_EQ(x.m.to_vector(), m);
  EXPECT_EQ(x.v.to_vector(), v);
}

TEST(AdamWKernel, RefusesWhatDoesNotFit) {
  Tensor two = Tensor::zeros({2});
  const auto error = [&](int64_t gradients, const kernels::UpdateNumbers& numbers) {
    return testing::error_of(
        [&] { kernels::adamw(Tensor::zeros({gradients}), {}, numbers, two, two, two); });
  };
  EXPECT_EQ(error(3, {}),
            "adamw: expected contiguous tensors of one size, received f32 [3] and f32 [2]");
  EXPECT_EQ(error(2, kernels::one_group(3, std::vector<double>(4))),
            "adamw: the groups end at 3, not at 2");
  EXPECT_EQ(error(2, kernels::one_group(2, std::vector<double>(3))),
            "adamw: the factors are f64 [1, 3], expected f64 [1, 4]");
}

}  // namespace
}  // namespace lw
