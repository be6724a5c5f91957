#include "optim/adam.h"

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
  Adam optimizer({.betas = {0.9, 0.95}, .eps = 1e-6}, FlatParameters(model.parameters),
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
                              .decoupled = false,
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

TEST(Adam, AgreesWithTheNaiveUpdateOver50Steps) {
  EXPECT_LT(error_after_50_steps(DType::f64), 1e-13);
  EXPECT_LT(error_after_50_steps(DType::f32), 1e-5);
}

TEST(Adam, HasTheSameBitsOnAnyNumberOfThreads) {
  const auto run = [](int threads) {
    set_num_threads(threads);
    Parameters parameters{
        {"w", Role::matrix, Variable(Random(1).normal({300, 301}), /*requires_grad=*/true)}};
    Adam optimizer({}, FlatParameters(parameters), toy_table(0.01, 0.1));
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

TEST(Adam, FindsTheMinimumOfAQuadratic) {
  Parameters parameters{{"x", Role::matrix, Variable(Tensor::full({3}, 5), true)}};
  Adam optimizer({}, FlatParameters(parameters), toy_table(0.1, 0));
  Variable& x = parameters[0].value;
  for (int step = 0; step < 500; ++step) {
    optimizer.parameters().clear_gradients();
    x.backward(x.value().clone());  // of |x|^2 / 2
    optimizer.step(step < 250 ? 1 : 0.1);
  }
  for (const double value : x.value().to_vector()) EXPECT_NEAR(value, 0, 1e-3);
}

TEST(Adam, IsRegistered) {
  ToyModel model;
  Optimizers::Choice choice(optimizer_registry());
  choice.choose("adam");
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
