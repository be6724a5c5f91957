#include "optim/ema.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/optim/fixture.h"

namespace lw {
namespace {

TEST(WeightAverage, FollowsTheParameters) {
  Parameters parameters{{"x", Role::matrix, Variable(Tensor::full({33}, 1, DType::f64), true)}};
  WeightAverage average(FlatParameters(parameters), 0.2);
  double expected = 1, value = 1;
  for (int n = 0; n < 20; ++n) {
    value = n;
    parameters[0].value.value().slice(0, 32, 33).fill(value);
    average.prepare();
    average.update();
    const double decay = std::min(0.2, (1.0 + n) / (10 + n));
    expected += (1 - decay) * (value - expected);
  }
  EXPECT_NEAR(average.state()[0].value.at({32}), expected, 1e-14);
  EXPECT_EQ(average.updates(), 20);
}

TEST(WeightAverage, IsSwappedInForAWhile) {
  ToyModel model;
  const FlatParameters flat(model.parameters);
  WeightAverage average(flat, 0.9);
  const auto initial = model.values();
  Tensor values = flat.values();
  values.fill(7);
  const auto current = model.values();
  {
    const WeightAverage::Swap averaged(average);
    EXPECT_EQ(model.values(), initial);
  }
  EXPECT_EQ(model.values(), current);
  EXPECT_TRUE(model.parameters[0].value.value().shares_storage(flat.values()));
}

TEST(WeightAverage, ContinuesFromItsStateToTheBit) {
  ToyModel model, other;
  const FlatParameters flat(model.parameters);
  WeightAverage whole(flat, 0.9), resumed(FlatParameters(other.parameters), 0.9);
  Tensor values = flat.values();
  whole.prepare();
  whole.update();
  values.fill(2);
  whole.prepare();
  whole.update();
  const auto saved = whole.state();
  auto restored = resumed.state();
  for (size_t i = 0; i < saved.size(); ++i) restored[i].value.copy_from(saved[i].value);
  resumed.set_updates(whole.updates());
  for (Parameter& p : other.parameters) {
    Tensor value = p.value.value();
    value.fill(2);
  }
  whole.prepare();
  whole.update();
  resumed.prepare();
  resumed.update();
  for (size_t i = 0; i < saved.size(); ++i)
    EXPECT_EQ(resumed.state()[i].value.to_vector(), whole.state()[i].value.to_vector());
}

}  // namespace
}  // namespace lw
