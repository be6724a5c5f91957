#include "optim/adamw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "tests/optim/fixture.h"
#include "tests/reference/adamw.h"

namespace lw {
namespace {

using kernels::AdamUpdate;

/// The largest difference from the naive update over 50 steps with changing rate and scale.
double error_after_50_steps(DType dtype) {
  ToyModel model(dtype);
  AdamW optimizer({.betas = {0.9, 0.95}, .eps = 1e-6}, FlatParameters(model.parameters),
                  toy_table(0.02, 0.1));
  std::vector<std::vector<double>> p, m, v;
  for (const Parameter& parameter : model.parameters) {
    p.push_back(parameter.value.value().to_vector());
    m.emplace_back(p.back().size());
    v.emplace_back(p.back().size());
  }
  for (int64_t step = 0; step < 50; ++step) {
    const double factor = 1 - 0.01 * static_cast<double>(step), scale = step % 2 == 0 ? 1 : 0.5;
    model.step(optimizer, static_cast<uint64_t>(step), factor, scale);
    for (size_t i = 0; i < p.size(); ++i) {
      const bool slow = model.parameters[i].role == Role::ssm_dt;
      const AdamUpdate update{.lr = (slow ? 0.002 : 0.02) * factor,
                              .beta1 = 0.9,
                              .beta2 = 0.95,
                              .epsilon = 1e-6,
                              .weight_decay = slow ? 0 : 0.1,
                              .decoupled = true,
                              .gradient_scale = scale,
                              .update = step + 1};
      const Tensor g = ToyModel::gradient(model.parameters[i], static_cast<uint64_t>(step));
      reference::adamw(update, g.to_vector(), p[i], m[i], v[i]);
    }
  }
  double worst = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const auto values = model.parameters[i].value.value().to_vector();
    for (size_t k = 0; k < values.size(); ++k)
      worst = std::max(worst, std::abs(values[k] - p[i][k]));
  }
  return worst;
}

TEST(AdamW, AgreesWithTheNaiveUpdateOver50Steps) {
  EXPECT_LT(error_after_50_steps(DType::f64), 1e-13);
  EXPECT_LT(error_after_50_steps(DType::f32), 1e-5);
}

TEST(AdamW, KernelTakesAnySize) {
  const AdamUpdate update{.lr = 0.1, .weight_decay = 0.1, .gradient_scale = 2, .update = 3};
  for (const int64_t size : {0, 1, 31, 32, 33, 63, 1000}) {
    const Random random(5);
    const Tensor g = random.fork("g").normal({size}, 0, 1, DType::f64);
    Tensor p = random.fork("p").normal({size}, 0, 1, DType::f64);
    Tensor m = random.fork("m").normal({size}, 0, 1, DType::f64);
    Tensor v = random.fork("v").uniform({size}, 0, 1, DType::f64);
    auto p1 = p.to_vector(), m1 = m.to_vector(), v1 = v.to_vector();
    reference::adamw(update, g.to_vector(), p1, m1, v1);
    kernels::adamw(g, update, p, m, v);
    for (size_t i = 0; i < p1.size(); ++i) {
      const auto k = static_cast<int64_t>(i);
      EXPECT_NEAR(p.at({k}), p1[i], 1e-13 * (1 + std::abs(p1[i])));
      EXPECT_NEAR(m.at({k}), m1[i], 1e-14);
      EXPECT_NEAR(v.at({k}), v1[i], 1e-14);
    }
  }
  Tensor two = Tensor::zeros({2});
  try {
    kernels::adamw(Tensor::zeros({3}), update, two, two, two);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "adamw: expected contiguous tensors of one size, received f32 [3] and f32 [2]");
  }
}

TEST(AdamW, HasTheSameBitsOnAnyNumberOfThreads) {
  const auto run = [](int threads) {
    set_num_threads(threads);
    Parameters parameters{
        {"w", Role::matrix, Variable(Random(1).normal({300, 301}), /*requires_grad=*/true)}};
    AdamW optimizer({}, FlatParameters(parameters), toy_table(0.01, 0.1));
    for (uint64_t step = 0; step < 3; ++step) {
      optimizer.parameters().clear_gradients();
      parameters[0].value.backward(ToyModel::gradient(parameters[0], step));
      optimizer.step(1, clip_scale(optimizer.gradient_norm(), 1));
    }
    return parameters[0].value.value().to_vector();
  };
  const int before = num_threads();
  const auto one = run(1);
  EXPECT_EQ(run(2), one);
  EXPECT_EQ(run(3), one);
  set_num_threads(before);
}

TEST(AdamW, WithoutGradientsOnlyTheDecayActs) {
  ToyModel model(DType::f64);
  const double before = model.parameters[0].value.value().at({0, 0});
  AdamW optimizer({}, FlatParameters(model.parameters), toy_table(0.1, 0.5));
  optimizer.step();
  EXPECT_DOUBLE_EQ(model.parameters[0].value.value().at({0, 0}), before * 0.95);
}

TEST(AdamW, IsRegistered) {
  ToyModel model;
  Optimizers::Choice choice(optimizer_registry());
  choice.choose("adamw");
  choice.as<AdamOptions>().betas = {0.9};
  const FlatParameters flat(model.parameters);
  try {
    choice.build(flat, toy_table(0.1, 0));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "optim.betas: expected two numbers, received 1");
  }
}

}  // namespace
}  // namespace lw
