#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/device_runtime.h"
#include "optim/adamw.h"
#include "tests/compare.h"
#include "tests/optim/fixture.h"

namespace lw {
namespace {

TEST(FlatParameters, LaysParametersOutByRole) {
  ToyModel model;
  const auto before = model.values();
  const FlatParameters flat(model.parameters);
  EXPECT_EQ(model.values(), before);
  std::vector<std::string> names;
  for (const auto& entry : flat.entries()) {
    names.push_back(entry.parameter.name);
    EXPECT_EQ(entry.offset % 16, 0);
    EXPECT_TRUE(entry.parameter.value.value().shares_storage(flat.values()));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"p0", "p3", "p2", "p1"}));
  ASSERT_EQ(flat.groups().size(), 3u);
  EXPECT_EQ(flat.groups()[0].role, Role::matrix);
  EXPECT_EQ(flat.groups()[0].end, 1024 + 1008);
  EXPECT_EQ(flat.groups()[1].role, Role::bias);
  EXPECT_EQ(flat.groups()[1].begin, flat.groups()[0].end);
  EXPECT_EQ(flat.groups()[2].end, flat.values().numel());
}

TEST(FlatParameters, BackwardWritesIntoTheBuffer) {
  ToyModel model;
  FlatParameters flat(model.parameters);
  model.parameters[1].value.backward(Tensor::full({1}, 3));
  model.parameters[1].value.backward(Tensor::full({1}, 4));
  EXPECT_EQ(flat.gradients().at({flat.entries()[3].offset}), 7);
  flat.clear_gradients();
  EXPECT_FALSE(model.parameters[1].value.grad().defined());
  flat.complete_gradients();  // the 7 of before is stale
  EXPECT_EQ(flat.gradients().to_vector(),
            std::vector<double>(static_cast<size_t>(flat.gradients().numel())));
}

TEST(FlatParameters, CountsSharedParametersOnceAndSkipsConstants) {
  const Variable shared(Tensor::full({2}, 1), true), constant(Tensor::full({2}, 1));
  const FlatParameters flat({{"embedding", Role::embedding, shared},
                             {"head", Role::matrix, shared},
                             {"fixed", Role::matrix, constant}});
  ASSERT_EQ(flat.entries().size(), 1u);
  EXPECT_EQ(flat.entries()[0].parameter.name, "embedding");
  EXPECT_EQ(FlatParameters({}).values().numel(), 0);
}

TEST(FlatParameters, RefusesWhatItCannotHold) {
  const Variable complex(Tensor::zeros({2}, DType::c64), true), real(Tensor::zeros({2}), true);
  EXPECT_EQ(testing::error_of([&] {
              FlatParameters({{"C", Role::ssm_c, complex}});
            }),
            "optimizer: parameter `C` is c64 [2], expected f32 or f64; keep a complex parameter as "
            "two real ones");
  EXPECT_EQ(testing::error_of([&] {
              FlatParameters(
                  {{"w", Role::bias, real}, {"w", Role::bias, Variable(Tensor::zeros({3}), true)}});
            }),
            "optimizer: two parameters are called `w`");
}

TEST(Optimizer, AStepThatIsNotFiniteChangesNothing) {
  ToyModel model;
  AdamW optimizer({}, FlatParameters(model.parameters), toy_table(0.1, 0.1));
  model.step(optimizer, 0);
  const auto step_with = [&](float value, const Tensor& losses = {}) {
    optimizer.parameters().clear_gradients();
    Tensor gradient = Tensor::zeros({1000});
    gradient.slice(0, 999, 1000).fill(value);
    model.parameters[3].value.backward(gradient);
    optimizer.prepare(1, 0.5);
    optimizer.step(1, losses);
    return optimizer.outcome().to_vector();
  };
  const auto everything = [&] {
    auto all = model.values();
    for (const Optimizer::StateTensor& state : optimizer.state())
      for (const double x : state.value.to_vector()) all.push_back(x);
    return all;
  };
  const auto before = everything();
  constexpr float inf = std::numeric_limits<float>::infinity();
  for (const float value : {inf, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_FALSE(std::isfinite(step_with(value)[0]));
    EXPECT_EQ(everything(), before);
  }
  const std::vector<double> bad_loss = step_with(3, Tensor::full({1}, inf, DType::f64));
  EXPECT_EQ(bad_loss[0], 1.5);
  EXPECT_TRUE(std::isnan(bad_loss[1]));
  EXPECT_EQ(everything(), before);

  const std::vector<double> good = step_with(3, Tensor::full({2}, 4, DType::f64));
  EXPECT_EQ(good[0], 1.5);
  EXPECT_NEAR(good[1], 0.5 / 1.5, 1e-6);
  EXPECT_EQ(good[2], 8);
  EXPECT_NE(everything(), before);
}

TEST(Optimizer, NeverWaitsForTheDevice) {
  ToyModel model;
  AdamW optimizer({}, FlatParameters(model.parameters), toy_table(0.1, 0.1));
  Tensors gradients;
  for (const Parameter& p : model.parameters) gradients.push_back(ToyModel::gradient(p, 0));
  const int64_t before = host_waits();
  optimizer.prepare(0.5, 0.5);
  for (size_t i = 0; i < gradients.size(); ++i) model.parameters[i].value.backward(gradients[i]);
  optimizer.step(1);
  optimizer.parameters().clear_gradients();
  EXPECT_EQ(host_waits(), before);
}

TEST(Optimizer, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads([] {
    Parameters parameters{
        {"w", Role::matrix, Variable(Random(1).normal({300, 301}), /*requires_grad=*/true)}};
    AdamW optimizer({}, FlatParameters(parameters), toy_table(0.01, 0.1));
    for (uint64_t step = 0; step < 3; ++step) {
      optimizer.parameters().clear_gradients();
      parameters[0].value.backward(ToyModel::gradient(parameters[0], step));
      optimizer.prepare();
      optimizer.step(1);
    }
    return Tensors{parameters[0].value.value()};
  });
}

TEST(Optimizer, ContinuesFromItsStateToTheBit) {
  ToyModel whole, first, second;
  AdamW uninterrupted({}, FlatParameters(whole.parameters), toy_table(0.1, 0.1));
  for (uint64_t step = 0; step < 6; ++step) whole.step(uninterrupted, step);

  AdamW before({}, FlatParameters(first.parameters), toy_table(0.1, 0.1));
  for (uint64_t step = 0; step < 3; ++step) first.step(before, step);
  AdamW after({}, FlatParameters(second.parameters), toy_table(0.1, 0.1));
  for (size_t i = 0; i < first.parameters.size(); ++i) {
    Tensor value = second.parameters[i].value.value();
    value.copy_from(first.parameters[i].value.value());
  }
  const auto saved = before.state();
  auto restored = after.state();
  ASSERT_EQ(saved.size(), 8u);
  EXPECT_EQ(saved[1].parameter + "/" + saved[1].name, "p0/exp_avg_sq");
  for (size_t i = 0; i < saved.size(); ++i) restored[i].value.copy_from(saved[i].value);
  after.set_updates(before.updates());
  for (uint64_t step = 3; step < 6; ++step) second.step(after, step);
  EXPECT_EQ(second.values(), whole.values());
}

}  // namespace
}  // namespace lw
