#include "layers/dss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "layers/hippo.h"
#include "tests/layers/laws.h"

namespace lw {
namespace {

class DssLaws : public ::testing::TestWithParam<std::string> {};
TEST_P(DssLaws, Hold) { expect_laws("dss", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, DssLaws, ::testing::ValuesIn(layer_variants("dss")));

TEST(Dss, StartsAsTheNormalPartOfHippoLegS) {
  const std::vector<complex128> legs = diagonal_lambda("legs", 8, Random(0));
  const Dss softmax({.d_state = 8}, {.d_model = 3}, Random(1)),
      exp({.d_state = 8, .variant = "exp"}, {.d_model = 3}, Random(1));
  for (int64_t n = 0; n < 4; ++n) {
    const complex128 lambda = legs[static_cast<size_t>(n)];
    EXPECT_NEAR(value_of(softmax, "A_real").at({2, n}), lambda.real(), 1e-6);
    EXPECT_NEAR(value_of(exp, "log_A_real").at({2, n}), std::log(-lambda.real()), 1e-6);
    for (const Dss* layer : {&softmax, &exp})
      EXPECT_NEAR(value_of(*layer, "A_imag").at({1, n}), lambda.imag(), 1e-5);
  }
}

/// What channel h of `layer` multiplies an input of `past` steps ago by, from the equation: the softmax shifted
/// by its maximum, in double.
double softmax_kernel(const SequenceLayer& layer, int64_t h, int64_t past, int64_t l_max) {
  const auto value = [&](const std::string& name, int64_t n) {
    return value_of(layer, name).at({h, n});
  };
  const double dt = std::exp(value_of(layer, "log_dt").at({h}));
  double sum = 0;
  for (int64_t n = 0; n < value_of(layer, "A_real").size(1); ++n) {
    const complex128 A(value("A_real", n), value("A_imag", n)),
        W(value("W_real", n), value("W_imag", n));
    const double shift =
        A.real() > 0 ? A.real() * dt * static_cast<double>(l_max - 1) : 0;  // the maximum
    complex128 total = 0;
    for (int64_t l = 0; l < l_max; ++l) total += std::exp(A * dt * static_cast<double>(l) - shift);
    sum += 2 * (W / A * std::exp(A * dt * static_cast<double>(past) - shift) / total).real();
  }
  return sum;
}

/// Gives the modes of all channels real parts from -spread to spread.
void spread_real_parts(const SequenceLayer& layer, double spread) {
  Tensor re = value_of(layer, "A_real").to(host);
  const int64_t N = re.size(1);
  std::vector<double> values = re.to_vector();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] =
        spread *
        (2 * (static_cast<double>(static_cast<int64_t>(i) % N) + 0.5) / static_cast<double>(N) - 1);
  Variable(parameter_of(layer, "A_real").value)
      .set_value(Tensor::from(re.shape(), values).to(re.dtype()).to(default_device()));
}

TEST(Dss, TheSoftmaxIsThatOfTheEquationForModesThatDecayAndThatGrow) {
  const int64_t l_max = 60;
  // to 2000: e^{l z} leaves the range of double
  for (const double spread : {0.5, 20., 2000.}) {
    const Subject subject(layer_of("dss", "d_state: 8, l_max: 60, dt_min: 1e-2"), DType::f64);
    spread_real_parts(subject.layer(), spread);
    const Tensor kernel = dynamic_cast<const Dss&>(subject.layer()).dynamics(l_max).kernel;
    for (int64_t h = 0; h < Subject::width; ++h) {
      double largest = 0, error = 0;
      for (int64_t l = 0; l < l_max; ++l) {
        const double expected = softmax_kernel(subject.layer(), h, l, l_max);
        largest = std::max(largest, std::abs(expected));
        error = std::max(error, std::abs(kernel.at({l, h}) - expected));
      }
      EXPECT_LE(error, 1e-6 * largest) << spread << " " << h;
    }
  }
}

TEST(Dss, GrowingModesAgreeInConvolutionAndRecurrenceAndHaveGradients) {
  const Subject subject(layer_of("dss", "d_state: 8, l_max: 60"), DType::f64);
  spread_real_parts(subject.layer(), 20);
  const Tensor x = subject.input(60);
  const Context convolution{.mode = Mode::convolution}, scan{.mode = Mode::scan};
  EXPECT_LE(distance(subject.run(x, {}, scan).y.value(), subject.run(x, {}, convolution).y.value()),
            1e-11);
  EXPECT_LE(subject.directional_error(x, convolution), 1e-7);
  // at 1.5 times the rate, 60 steps are 90
  const Context fast{.mode = Mode::convolution, .rate = 1.55},
      steps{.mode = Mode::scan, .rate = 1.55};
  const Tensor more = subject.input(90);
  EXPECT_LE(distance(subject.run(more, {}, steps).y.value(), subject.run(more, {}, fast).y.value()),
            1e-11);
}

TEST(Dss, FiniteInF32WhereExponentialsAreNot) {
  const Subject subject(layer_of("dss", "d_state: 8, l_max: 500"), DType::f32);
  spread_real_parts(subject.layer(), 1000);
  const Tensor x = subject.input(500);
  for (const Tensor& g : subject.gradients(
           [&](const Variable& v) {
             return subject.layer().forward(v, {}, {.mode = Mode::convolution}).y;
           },
           x))
    for (const double value : g.to_vector()) EXPECT_TRUE(std::isfinite(value));
}

TEST(Dss, ASlowSignalAtHalfTheRateGivesEverySecondOutput) {
  expect_rate("dss");
  expect_rate("dss", "variant: exp");
}

TEST(Dss, RolesSlowTheDynamics) {
  const Dss layer({.variant = "exp"}, {.d_model = 4}, Random(1));
  expect_roles_of_dynamics(layer, "W_real");
}

TEST(Dss, GroupsOfChannelsShareASystem) {
  expect_shared_systems(Dss({.n_ssm = 2}, {.d_model = 4}, Random(1)), "dss", {"A_real", "A_imag"});
}

TEST(Dss, TellsItsDynamics) {
  expect_dynamics(Dss({.d_state = 8}, {.d_model = 3}, Random(1)), 3, 12);
}

TEST(Dss, ABidirectionalLayerReadsAllThatLMaxStepsAreAtAnotherRate) {
  const NoGrad no_grad;
  const Dss layer({.l_max = 64, .bidirectional = true}, {.d_model = 4}, Random(1));
  const auto read = [&](int64_t steps) {
    layer.forward(Random(2).normal({1, steps, 4}), {}, {.rate = 0.3});  // 64 steps are 19.2
  };
  read(20);
  EXPECT_EQ(
      testing::error_of([&] { read(21); }),
      "dss: an input of 21 steps is longer than the 20 that this bidirectional layer convolves\n"
      "  train it with a model.l_max of at least 70");
}

TEST(Dss, ABidirectionalLayerSeesTheFutureAndRefusesAState) {
  expect_bidirectional(Dss({.bidirectional = true}, {.d_model = 4}, Random(1)), "dss");
}

}  // namespace
}  // namespace lw
