#include "layers/lssl.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "layers/hippo.h"
#include "tests/layers/laws.h"

namespace lw {
namespace {

class LsslLaws : public ::testing::TestWithParam<std::string> {};
TEST_P(LsslLaws, Hold) { expect_laws("lssl", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, LsslLaws, ::testing::ValuesIn(layer_variants("lssl")));

TEST(Lssl, StartsFromEveryMeasure) {
  for (const std::string& init : hippo_measures()) {
    const Lssl layer({.d_state = 8, .init = init}, {.d_model = 3}, Random(1));
    EXPECT_TRUE(layer(Random(2).normal({1, 30, 3})).value().all_finite()) << init;
    if (init == "random" || init == "diagonal") continue;
    const Hippo measure = hippo(init, 8);
    testing::expect_close(value_of(layer, "A"), Tensor::from({1, 8, 8}, measure.A), 1e-7);
    testing::expect_close(value_of(layer, "B"), Tensor::from({1, 8}, measure.B), 1e-7);
  }
}

TEST(Lssl, IsTheSampledSystem) {
  // The kernel of a channel is C Abar^l Bbar of layers/state_space.h, up to gelu and mixing, which equal outputs share.
  const NoGrad no_grad;
  for (const double alpha : {0.25, 0.5, 1.}) {
    const Lssl layer({.d_state = 6, .alpha = alpha}, {.d_model = 2}, Random(1));
    const int64_t time = 40;
    const Tensor u = Random(2).normal({1, time, 2});
    Output out = layer.forward(u, {}, {.mode = Mode::scan, .keep_state = true});
    const double dt = std::exp(value_of(layer, "log_dt").at({1}));
    const DenseSystem system =
        discretize(static_cast<const DenseSystem&>(hippo("legs", 6)), {alpha}, dt);
    std::vector<double> x(6);
    for (int64_t t = 0; t < time; ++t) {
      std::vector<double> next;
      for (size_t i = 0; i < 6; ++i) {
        next.push_back(system.B[i] * u.at({0, t, 1}));
        for (size_t j = 0; j < 6; ++j) next.back() += system.A[i * 6 + j] * x[j];
      }
      x = next;
    }
    for (int64_t n = 0; n < 6; ++n)
      EXPECT_NEAR(out.state[0].value().at({0, 1, n}), x[static_cast<size_t>(n)], 1e-5) << alpha;
  }
}

TEST(Lssl, ALongInputOfALargeStateIsTheSameThroughBothModes) {
  const NoGrad no_grad;
  const Subject subject(layer_of("lssl", "d_state: 128"), DType::f32);
  const Tensor x = subject.input(784, 1);
  const auto y = [&](Mode mode) { return subject.run(x, {}, {.mode = mode}).y.value(); };
  EXPECT_LE(distance(y(Mode::convolution), y(Mode::scan)), 2e-5);
}

TEST(Lssl, WhatIsNotLearnedIsNoParameterButSaved) {
  const Lssl layer({.d_state = 4, .learn_a = false, .learn_dt = false}, {.d_model = 3}, Random(1));
  for (const Parameter& p : layer.parameters())
    EXPECT_TRUE(p.name != "A" && p.name != "log_dt") << p.name;
  std::vector<std::string> names;
  for (const Layer::Buffer& b : layer.buffers()) names.push_back(b.name);
  EXPECT_EQ(names, (std::vector<std::string>{"log_dt", "A"}));
}

TEST(Lssl, RolesSlowTheDynamics) {
  const Lssl layer({.d_state = 4}, {.d_model = 3}, Random(1));
  EXPECT_EQ(parameter_of(layer, "A").role, Role::ssm_a);
  EXPECT_EQ(parameter_of(layer, "B").role, Role::ssm_b);
  EXPECT_EQ(parameter_of(layer, "C").role, Role::ssm_c);
  EXPECT_EQ(parameter_of(layer, "log_dt").role, Role::ssm_dt);
}

TEST(Lssl, TellsItsPoles) {
  for (const int64_t N : {4, 64})
    expect_poles_of_legs(Lssl({.d_state = N}, {.d_model = 2}, Random(1)), N, 1e-9);
}

TEST(Lssl, ASlowSignalAtHalfTheRateGivesEverySecondOutput) { expect_rate("lssl"); }

TEST(Lssl, GroupsOfChannelsShareASystem) {
  expect_shared_systems(Lssl({.d_state = 4, .n_ssm = 2}, {.d_model = 4}, Random(1)), "lssl", {"B"});
}

TEST(Lssl, ABidirectionalLayerSeesTheFutureAndRefusesAState) {
  expect_bidirectional(Lssl({.d_state = 4, .bidirectional = true}, {.d_model = 4}, Random(1)),
                       "lssl");
}

}  // namespace
}  // namespace lw
