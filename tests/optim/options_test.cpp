#include "optim/options.h"

#include <gtest/gtest.h>

#include "core/config.h"
#include "tests/optim/fixture.h"

namespace lw {
namespace {

RoleSettings of(const OptimOptions& options, Role role) {
  return options.table()[static_cast<size_t>(role)];
}

TEST(OptimOptions, TheDynamicsLearnSlowlyAndOnlyMapsDecay) {
  OptimOptions options;
  options.lr = 0.01;
  options.weight_decay = 0.05;
  for (const Role role : {Role::ssm_a, Role::ssm_b, Role::ssm_dt}) {
    EXPECT_EQ(of(options, role).lr, 0.001);
    EXPECT_EQ(of(options, role).weight_decay, 0);
  }
  for (const Role role : {Role::matrix, Role::ssm_c}) {
    EXPECT_EQ(of(options, role).lr, 0.01);
    EXPECT_EQ(of(options, role).weight_decay, 0.05);
  }
  for (const Role role : {Role::bias, Role::norm, Role::embedding, Role::ssm_d}) {
    EXPECT_EQ(of(options, role).lr, 0.01);
    EXPECT_EQ(of(options, role).weight_decay, 0);
  }
  options.lr = 1e-4;
  EXPECT_EQ(of(options, Role::ssm_dt).lr, 1e-4);
}

TEST(OptimOptions, AreReadFromAConfigAndPrintedAgain) {
  const auto read = [](const std::string& text) {
    OptimOptions options;
    Config::parse(text, "test.yaml").read(options);
    return options;
  };
  const OptimOptions options = read(
      "kind: adamw\nbetas: [0.9, 0.95]\nlr: 0.01\nschedule: {kind: wsd, warmup: 10, final: 0.1}\n"
      "roles: {ssm_dt: {lr: 0.0005}, ssm_c: {lr_scale: 0.5, weight_decay: 0}}\n");
  EXPECT_EQ(options.method.kind(), "adamw");
  EXPECT_EQ(options.schedule.final_factor, 0.1);
  EXPECT_EQ(of(options, Role::ssm_dt).lr, 0.0005);
  EXPECT_EQ(of(options, Role::ssm_c).lr, 0.005);
  EXPECT_EQ(of(options, Role::ssm_c).weight_decay, 0);
  EXPECT_EQ(of(options, Role::matrix).weight_decay, 0.01);
  const std::string printed = resolved_config(options);
  EXPECT_EQ(resolved_config(read(printed)), printed);
  EXPECT_THROW(read("kind: adamw\nroles: {ssm_e: {lr: 1}}\n"), Error);
  EXPECT_THROW(read("kind: sgd\nbetas: [0.9, 0.95]\n"), Error);
}

TEST(OptimOptions, AdamWIsTheDefault) {
  EXPECT_EQ(OptimOptions().method.kind(), "adamw");
  OptimOptions options;
  Config::parse("betas: [0.5, 0.95]\nlr: 0.01\n", "test.yaml").read(options);
  EXPECT_EQ(options.method.kind(), "adamw");
  EXPECT_NE(resolved_config(options).find("kind: adamw\nbetas: [0.5, 0.95]\n"), std::string::npos);
  Config::parse("betas: [0.5, 0.95]\n", "test.yaml", {"kind=sgd"}).read(options);
  EXPECT_EQ(options.method.kind(), "sgd");
}

TEST(OptimOptions, ARoleCanBeChanged) {
  OptimOptions options;
  options.lr = 0.01;
  options.role[static_cast<size_t>(Role::ssm_a)] = {.lr = 0.004, .weight_decay = 0.1};
  options.role[static_cast<size_t>(Role::ssm_b)].lr_scale = 0.5;
  EXPECT_EQ(of(options, Role::ssm_a).lr, 0.004);
  EXPECT_EQ(of(options, Role::ssm_a).weight_decay, 0.1);
  EXPECT_EQ(of(options, Role::ssm_b).lr, 0.0005);
}

TEST(OptimOptions, EachRoleIsUpdatedWithItsOwnSettings) {
  ToyModel model;
  OptimOptions options;
  options.method.choose("sgd");
  options.lr = 0.1;
  options.weight_decay = 0.5;
  const auto optimizer = options.make(FlatParameters(model.parameters));
  for (Parameter& p : model.parameters) {
    Tensor value = p.value.value();
    value.fill(1);
    p.value.backward(Tensor::full(p.value.shape(), 1));
  }
  optimizer->prepare();
  optimizer->step();
  EXPECT_FLOAT_EQ(model.parameters[0].value.value().at({3, 3}), 1 - 0.1 * 1.5);  // matrix
  EXPECT_FLOAT_EQ(model.parameters[1].value.value().item(), 1 - 0.001);          // ssm_dt
  EXPECT_FLOAT_EQ(model.parameters[2].value.value().at({3}), 1 - 0.1);           // bias
}

TEST(OptimOptions, PrintsWhatEachParameterGets) {
  OptimOptions options;
  options.lr = 0.01;
  const Parameters parameters{{"mixer.A_log", Role::ssm_a, Variable(Tensor::zeros({4, 16}), true)},
                              {"out.weight", Role::matrix, Variable(Tensor::zeros({8, 4}), true)}};
  EXPECT_EQ(to_text(parameter_table(parameters, options)),
            "parameter    role    shape    dtype  lr x  decay\n"
            "mixer.A_log  ssm_a   [4, 16]  f32    0.1   0\n"
            "out.weight   matrix  [8, 4]   f32    1     0.01\n");
}

}  // namespace
}  // namespace lw
