#include "optim/sgd.h"

#include <gtest/gtest.h>

#include "tests/compare.h"
#include "tests/optim/fixture.h"
#include "tests/reference/sgd.h"

namespace lw {
namespace {

TEST(Sgd, AgreesWithTheNaiveUpdateOver50Steps) {
  for (const SgdOptions& options :
       {SgdOptions{}, SgdOptions{.momentum = 0.9}, SgdOptions{.momentum = 0.9, .nesterov = true}}) {
    const auto error = [&](DType dtype) {
      return error_after_50_steps<Sgd>(options, dtype,
                                       [&](const ToyStep& step, auto& p, auto& b, auto&) {
                                         reference::sgd({.lr = step.lr,
                                                         .momentum = options.momentum,
                                                         .nesterov = options.nesterov,
                                                         .weight_decay = step.weight_decay,
                                                         .gradient_scale = step.gradient_scale},
                                                        step.gradient, p, b);
                                       });
    };
    EXPECT_LT(error(DType::f64), 1e-13);
    EXPECT_LT(error(DType::f32), 1e-5);
  }
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
  EXPECT_EQ(testing::error_of([&] { choice.build(flat, toy_table(0.1, 0)); }),
            "sgd: nesterov needs a momentum above 0");
}

}  // namespace
}  // namespace lw
