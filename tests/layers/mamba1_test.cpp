#include "layers/mamba1.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/memory.h"
#include "tests/layers/laws.h"

namespace lw {
namespace {

class Mamba1Laws : public ::testing::TestWithParam<std::string> {};
TEST_P(Mamba1Laws, Hold) { expect_laws("mamba1", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, Mamba1Laws, ::testing::ValuesIn(layer_variants("mamba1")));

TEST(Mamba1, ParametersStartAsTheAuthorsHaveThem) {
  const Mamba1 layer({}, {.d_model = 40, .n_layers = 4}, Random(1));
  EXPECT_EQ(value_of(layer, "in_proj.weight").shape(), (Shape{160, 40}));
  EXPECT_EQ(value_of(layer, "conv1d.weight").shape(), (Shape{80, 4}));
  EXPECT_EQ(value_of(layer, "x_proj.weight").shape(),
            (Shape{3 + 32, 80}));  // dt_rank = ceil(40 / 16)
  EXPECT_EQ(value_of(layer, "dt_proj.weight").shape(), (Shape{80, 3}));
  EXPECT_EQ(value_of(layer, "A_log").shape(), (Shape{80, 16}));
  for (int64_t n = 0; n < 16; ++n)
    EXPECT_FLOAT_EQ(value_of(layer, "A_log").at({79, n}), std::log(n + 1.0));
  for (const double d : value_of(layer, "D").to_vector()) EXPECT_EQ(d, 1);
  for (const double b : value_of(layer, "dt_proj.bias").to_vector()) {
    const double dt = std::log1p(std::exp(b));
    EXPECT_GE(dt, 1e-3 * 0.999);
    EXPECT_LE(dt, 1e-1 * 1.001);
  }
  double largest = 0;
  for (const double w : value_of(layer, "out_proj.weight").to_vector())
    largest = std::max(largest, std::abs(w));
  EXPECT_NEAR(largest, 0.5 / std::sqrt(80),
              1e-3);  // uniform in 1/sqrt(fan in), over sqrt(n_layers)
}

TEST(Mamba1, MemoryOfATrainingStepIsLinearInLengthWithoutTheState) {
  const Mamba1 layer({.d_state = 64}, {.d_model = 32, .n_layers = 1}, Random(1));
  const auto peak = [&](int64_t time) {
    const Variable x(Random(2).normal({1, time, 32}), true);
    const int64_t before = memory_use(default_device()).used;
    reset_peak_memory(default_device());
    const Variable y = layer(x);
    y.backward(Tensor::full(y.shape(), 1));
    return memory_use(default_device()).peak - before;
  };
  peak(512);
  const int64_t short_peak = peak(512), long_peak = peak(8192);
  EXPECT_LT(long_peak, 20 * short_peak);  // 16 times the length
  EXPECT_LT(long_peak,
            int64_t{8192} * 64 * 64 * 4);  // less than one tensor [time, d_inner, d_state]
}

TEST(Mamba1, SelectionIsWhatTheScanRuns) {
  const NoGrad no_grad;
  const Mamba1 layer({.d_state = 3, .conv_bias = false}, {.d_model = 8}, Random(1));
  // Nothing comes in: the step sizes are those of the bias.
  const Selection quiet = layer.selection(Tensor::zeros({2, 5, 8}));
  EXPECT_EQ(quiet.delta.shape(), (Shape{2, 5, 16}));
  EXPECT_EQ(quiet.A.shape(), (Shape{16, 3}));
  for (const double a : quiet.A.to_vector()) EXPECT_LT(a, 0);
  const std::vector<double> bias = value_of(layer, "dt_proj.bias").to_vector();
  for (int64_t c = 0; c < 16; ++c)
    EXPECT_NEAR(quiet.delta.at({1, 4, c}), std::log1p(std::exp(bias[static_cast<size_t>(c)])),
                1e-6);
  // An input changes them, from its own step on.
  Tensor x = Tensor::zeros({1, 5, 8});
  x.slice(1, 2, 3).fill(3);
  const Tensor chosen = layer.selection(x).delta;
  EXPECT_EQ(chosen.at({0, 1, 0}), quiet.delta.at({0, 1, 0}));
  EXPECT_NE(chosen.at({0, 2, 0}), quiet.delta.at({0, 2, 0}));
}

TEST(Mamba1, WrongStatesAndOptionsAreRefused) {
  EXPECT_THROW(Mamba1({.dt_min = 0.2}, {.d_model = 8}, Random(1)), Error);
  const Mamba1 layer({}, {.d_model = 8}, Random(1));
  const Tensor x = Tensor::zeros({1, 3, 8});
  EXPECT_THROW(layer.forward(x, {Variable(x)}, {}), Error);
  EXPECT_THROW(layer.forward(Tensor::zeros({1, 3, 7}), {}, {}), Error);
}

}  // namespace
}  // namespace lw
