#include "layers/rg_lru.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "tests/layers/laws.h"

namespace lw {
namespace {

class RgLruLaws : public ::testing::TestWithParam<std::string> {};
TEST_P(RgLruLaws, Hold) { expect_laws("rg_lru", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, RgLruLaws, ::testing::ValuesIn(layer_variants("rg_lru")));

TEST(RgLru, StartsWithDecaysOfTheRing) {
  const RgLru layer({.d_rnn = 1000, .r_min = 0.1, .r_max = 0.9}, {.d_model = 3}, Random(1));
  double mean_square = 0;
  for (const double lambda : value_of(layer, "lambda").to_vector()) {
    const double decay = std::exp(-std::log1p(std::exp(lambda)));
    EXPECT_GE(decay, 0.1 - 1e-5);
    EXPECT_LE(decay, 0.9 + 1e-5);
    mean_square += decay * decay / 1000;
  }
  // Uniform in the square of the radius: the mean is 0.41, of a uniform radius 0.30.
  EXPECT_NEAR(mean_square, (0.01 + 0.81) / 2, 0.03);
  EXPECT_EQ(parameter_of(layer, "lambda").role, Role::ssm_a);
}

TEST(RgLru, TheRootOfADecayNearOneHasABoundedGradient) {
  RgLru layer({.d_conv = 1}, {.d_model = 4}, Random(1));
  Tensor lambda = value_of(layer, "lambda");
  lambda.fill(-60);  // a = 1 to the last bit
  const Variable x(Random(2).normal({1, 8, 4}), true);
  const Variable y = layer(x);
  y.backward(Tensor::full(y.shape(), 1));
  EXPECT_TRUE(x.grad().all_finite());
  for (const Parameter& p : layer.parameters()) EXPECT_TRUE(p.value.grad().all_finite()) << p.name;
}

TEST(RgLru, SelectionIsTheDecayThatTheRecurrenceRuns) {
  const NoGrad no_grad;
  const RgLru layer({.d_rnn = 6, .blocks = 2}, {.d_model = 4}, Random(1));
  const Tensor x = Random(2).normal({1, 5, 4});
  const Selection selection = layer.selection(x);
  EXPECT_EQ(selection.delta.shape(), (Shape{1, 5, 6}));
  EXPECT_EQ(selection.A.shape(), (Shape{6, 1}));
  // h is linear in the h before it: what 1 more of it adds is a.
  const State before =
      layer.forward(x.slice(1, 0, 4), {}, {.mode = Mode::scan, .keep_state = true}).state;
  const auto after = [&](double more) {
    const State start{before[0], before[1] + more};
    return layer.forward(x.slice(1, 4, 5), start, {.mode = Mode::scan, .keep_state = true})
        .state[1]
        .value();
  };
  const Tensor plain = after(0), raised = after(1);
  for (int64_t c = 0; c < 6; ++c)
    EXPECT_NEAR(raised.at({0, c}) - plain.at({0, c}),
                std::exp(selection.delta.at({0, 4, c}) * selection.A.at({c, 0})), 1e-5);
}

TEST(RgLru, WrongOptionsAreRefused) {
  EXPECT_EQ(testing::error_of([] { RgLru({.blocks = 3}, {.d_model = 4}, Random(1)); }),
            "rg_lru: 4 channels are not divided by 3 blocks");
  const RgLru layer({}, {.d_model = 4}, Random(1));
  const Tensor x = Tensor::zeros({1, 3, 4});
  EXPECT_THROW(layer.forward(x, {Variable(x)}, {}), Error);
}

}  // namespace
}  // namespace lw
