#include "optim/adamw.h"

#include <gtest/gtest.h>

#include "tests/compare.h"
#include "tests/optim/fixture.h"
#include "tests/reference/adamw.h"

namespace lw {
namespace {

TEST(AdamW, AgreesWithTheNaiveUpdateOver50Steps) {
  const auto error = [](DType dtype) {
    return error_after_50_steps<AdamW>(AdamOptions{.betas = {0.9, 0.95}, .eps = 1e-6}, dtype,
                                       [](const ToyStep& step, auto& p, auto& m, auto& v) {
                                         reference::adamw({.lr = step.lr,
                                                           .beta1 = 0.9,
                                                           .beta2 = 0.95,
                                                           .epsilon = 1e-6,
                                                           .weight_decay = step.weight_decay,
                                                           .decoupled = true,
                                                           .gradient_scale = step.gradient_scale,
                                                           .update = step.update},
                                                          step.gradient, p, m, v);
                                       });
  };
  EXPECT_LT(error(DType::f64), 1e-13);
  EXPECT_LT(error(DType::f32), 1e-5);
}

TEST(AdamW, WithoutGradientsOnlyTheDecayActs) {
  ToyModel model(DType::f64);
  const double before = model.parameters[0].value.value().at({0, 0});
  AdamW optimizer({}, FlatParameters(model.parameters), toy_table(0.1, 0.5));
  optimizer.prepare();
  optimizer.step();
  EXPECT_DOUBLE_EQ(model.parameters[0].value.value().at({0, 0}), before * 0.95);
}

TEST(AdamW, IsRegistered) {
  ToyModel model;
  Optimizers::Choice choice(optimizer_registry());
  choice.choose("adamw");
  choice.as<AdamOptions>().betas = {0.9};
  const FlatParameters flat(model.parameters);
  EXPECT_EQ(testing::error_of([&] { choice.build(flat, toy_table(0.1, 0)); }),
            "optim.betas: expected two numbers, received 1");
}

}  // namespace
}  // namespace lw
