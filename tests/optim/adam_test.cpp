#include "optim/adam.h"

#include <gtest/gtest.h>

#include "tests/compare.h"
#include "tests/optim/fixture.h"
#include "tests/reference/adamw.h"

namespace lw {
namespace {

TEST(Adam, AgreesWithTheNaiveUpdateOver50Steps) {
  const auto error = [](DType dtype) {
    return error_after_50_steps<Adam>(AdamOptions{.betas = {0.9, 0.95}, .eps = 1e-6}, dtype,
                                      [](const ToyStep& step, auto& p, auto& m, auto& v) {
                                        reference::adamw({.lr = step.lr,
                                                          .beta1 = 0.9,
                                                          .beta2 = 0.95,
                                                          .epsilon = 1e-6,
                                                          .weight_decay = step.weight_decay,
                                                          .decoupled = false,
                                                          .gradient_scale = step.gradient_scale,
                                                          .update = step.update},
                                                         step.gradient, p, m, v);
                                      });
  };
  EXPECT_LT(error(DType::f64), 1e-13);
  EXPECT_LT(error(DType::f32), 1e-5);
}

TEST(Adam, FindsTheMinimumOfAQuadratic) {
  Parameters parameters{{"x", Role::matrix, Variable(Tensor::full({3}, 5), true)}};
  Adam optimizer({}, FlatParameters(parameters), toy_table(0.1, 0));
  Variable& x = parameters[0].value;
  for (int step = 0; step < 500; ++step) {
    optimizer.parameters().clear_gradients();
    x.backward(x.value().clone());  // of |x|^2 / 2
    optimizer.prepare(step < 250 ? 1 : 0.1);
    optimizer.step();
  }
  for (const double value : x.value().to_vector()) EXPECT_NEAR(value, 0, 1e-3);
}

TEST(Adam, IsRegistered) {
  ToyModel model;
  Optimizers::Choice choice(optimizer_registry());
  choice.choose("adam");
  choice.as<AdamOptions>().betas = {0.9};
  const FlatParameters flat(model.parameters);
  EXPECT_EQ(testing::error_of([&] { choice.build(flat, toy_table(0.1, 0)); }),
            "optim.betas: expected two numbers, received 1");
}

}  // namespace
}  // namespace lw
