#include "optim/sgd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "tests/optim/fixture.h"
#include "tests/reference/sgd.h"

namespace lw {
namespace {

/// The largest difference from the naive update over 50 steps with changing rate and scale.
double error_after_50_steps(const SgdOptions& options, DType dtype) {
  ToyModel model(dtype);
  Sgd optimizer(options, FlatParameters(model.parameters), toy_table(0.02, 0.1));
  std::vector<std::vector<double>> p, b;
  for (const Parameter& parameter : model.parameters) {
    p.push_back(parameter.value.value().to_vector());
    b.emplace_back(p.back().size());
  }
  for (uint64_t step = 0; step < 50; ++step) {
    const double factor = 1 - 0.01 * static_cast<double>(step), scale = step % 2 == 0 ? 1 : 0.5;
    model.step(optimizer, step, factor, scale);
    for (size_t i = 0; i < p.size(); ++i) {
      const bool slow = model.parameters[i].role == Role::ssm_dt;
      const kernels::SgdUpdate update{.lr = (slow ? 0.002 : 0.02) * factor,
                                      .momentum = options.momentum,
                                      .nesterov = options.nesterov,
                                      .weight_decay = slow ? 0 : 0.1,
                                      .gradient_scale = scale};
      reference::sgd(update, ToyModel::gradient(model.parameters[i], step).to_vector(), p[i], b[i]);
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

TEST(Sgd, AgreesWithTheNaiveUpdateOver50Steps) {
  for (const SgdOptions& options :
       {SgdOptions{}, SgdOptions{.momentum = 0.9}, SgdOptions{.momentum = 0.9, .nesterov = true}}) {
    EXPECT_LT(error_after_50_steps(options, DType::f64), 1e-13);
    EXPECT_LT(error_after_50_steps(options, DType::f32), 1e-5);
  }
}

TEST(Sgd, KernelTakesAnySize) {
  const kernels::SgdUpdate update{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1};
  for (const int64_t size : {0, 1, 31, 32, 33, 63, 1000}) {
    const Random random(5);
    const Tensor g = random.fork("g").normal({size}, 0, 1, DType::f64);
    Tensor p = random.fork("p").normal({size}, 0, 1, DType::f64);
    Tensor b = random.fork("b").normal({size}, 0, 1, DType::f64);
    auto p1 = p.to_vector(), b1 = b.to_vector();
    reference::sgd(update, g.to_vector(), p1, b1);
    kernels::sgd(g, update, p, b);
    for (size_t i = 0; i < p1.size(); ++i) {
      EXPECT_NEAR(p.at({static_cast<int64_t>(i)}), p1[i], 1e-14);
      EXPECT_NEAR(b.at({static_cast<int64_t>(i)}), b1[i], 1e-14);
    }
  }
}

TEST(Sgd, HasTheSameBitsOnAnyNumberOfThreads) {
  const auto run = [](int threads) {
    set_num_threads(threads);
    Parameters parameters{
        {"w", Role::matrix, Variable(Random(1).normal({300, 301}), /*requires_grad=*/true)}};
    Sgd optimizer({.momentum = 0.9}, FlatParameters(parameters), toy_table(0.01, 0.1));
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

TEST(Sgd, WithoutMomentumKeepsNoState) {
  ToyModel model;
  const FlatParameters flat(model.parameters);
  EXPECT_TRUE(Sgd({}, flat, toy_table(0.1, 0)).state().empty());
  EXPECT_EQ(Sgd({.momentum = 0.5}, flat, toy_table(0.1, 0)).state().size(), 4u);
}

TEST(Sgd, IsRegisteredAndRefusesALookAheadWithoutMomentum) {
  ToyModel model;
  Optimizers::Choice choice(optimizer_registry());
  choice.choose("sgd");
  choice.as<SgdOptions>().nesterov = true;
  const FlatParameters flat(model.parameters);
  try {
    choice.build(flat, toy_table(0.1, 0));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "sgd: nesterov needs a momentum above 0");
  }
}

}  // namespace
}  // namespace lw
