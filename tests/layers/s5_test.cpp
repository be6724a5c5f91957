#include "layers/s5.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "layers/hippo.h"
#include "tests/layers/laws.h"

namespace lw {
namespace {

class S5Laws : public ::testing::TestWithParam<std::string> {};
TEST_P(S5Laws, Hold) { expect_laws("s5", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, S5Laws, ::testing::ValuesIn(layer_variants("s5")));

TEST(S5, StartsFromBlocksOfHippo) {
  const S5 layer({.d_state = 16, .blocks = 2}, {.d_model = 3}, Random(1));
  const Nplr legs = nplr("legs", 8);
  for (int64_t n = 0; n < 8; ++n) {
    EXPECT_NEAR(value_of(layer, "log_A_real").at({n}), std::log(0.5), 1e-6);
    EXPECT_NEAR(value_of(layer, "A_imag").at({n}), legs.lambda[static_cast<size_t>(n % 4)].imag(),
                1e-4);
  }
  expect_roles_of_dynamics(layer, "C_real");
  EXPECT_EQ(parameter_of(layer, "B_imag").role, Role::ssm_b);
}

TEST(S5, StartsAsARealMapOfTheRealState) {
  // B and C are real in the coordinates of HiPPO: V^* B for a real B has E|B_n|^2 = 1/2 of that of a row
  // of B, the other half being the conjugate's.
  const S5 layer({.d_state = 64}, {.d_model = 256}, Random(1));
  double B = 0, C = 0;
  for (const char* part : {"_real", "_imag"}) {
    for (const double b : value_of(layer, std::string("B") + part).to_vector()) B += b * b;
    for (const double c : value_of(layer, std::string("C") + part).to_vector()) C += c * c;
  }
  EXPECT_NEAR(B, 32, 3);    // 64 rows of 256 draws of variance 1/256, half kept
  EXPECT_NEAR(C, 128, 12);  // 256 rows of 64 draws of variance 1/64, half kept
}

TEST(S5, AnotherRateIsOtherStepSizes) {
  const NoGrad no_grad;
  for (const char* method : {"zoh", "bilinear"}) {
    S5 layer({.d_state = 8, .discretization = method}, {.d_model = 4}, Random(1));
    const Tensor x = Random(2).normal({2, 20, 4});
    const Tensor doubled = layer.forward(x, {}, {.rate = 0.5}).y.value();
    const Tensor intervals =
        layer.forward(x, {}, {.intervals = Tensor::full({2, 20}, 2)}).y.value();
    testing::expect_close(intervals, doubled, 2e-5);
    testing::expect_close(layer.forward(x, {}, {.intervals = Tensor::full({2, 20}, 1)}).y.value(),
                          layer(x).value(), 2e-5);
    Variable log_dt = parameter_of(layer, "log_dt").value;
    log_dt.set_value((log_dt.detach() + std::log(2.)).value());
    testing::expect_close(layer(x).value(), doubled, 2e-5);
  }
}

TEST(S5, AnInputIsHeldOverItsInterval) {
  // Two steps of 1 with the same input are one of 2.
  const NoGrad no_grad;
  const S5 layer({.d_state = 8}, {.d_model = 4}, Random(1));
  const Tensor once = Random(2).normal({1, 3, 4});
  Tensor twice = Tensor::empty({1, 4, 4}, DType::f32);
  twice.slice(1, 0, 2).copy_from(once.slice(1, 0, 2));
  twice.slice(1, 2, 3).copy_from(once.slice(1, 2, 3));
  twice.slice(1, 3, 4).copy_from(once.slice(1, 2, 3));
  const Tensor intervals = Tensor::from({1, 3}, std::vector<float>{1, 1, 2});
  testing::expect_close(layer.forward(once, {}, {.intervals = intervals}).y.value().select(1, 2),
                        layer(twice).value().select(1, 3), 1e-5);
}

TEST(S5, TellsItsDynamics) {
  const NoGrad no_grad;
  const S5 layer({.d_state = 8}, {.d_model = 4}, Random(1));
  const Dynamics dynamics = layer.dynamics(20);
  ASSERT_EQ(dynamics.poles.size(), 4u);
  for (const complex128 pole : dynamics.poles) EXPECT_LT(std::abs(pole), 1);
  EXPECT_EQ(dynamics.step_sizes.size(), 4u);
  EXPECT_EQ(dynamics.kernel.shape(), (Shape{20, 4}));
  EXPECT_TRUE(dynamics.kernel.all_finite());
}

TEST(S5, ReadsBothWays) {
  expect_bidirectional(S5({.d_state = 8, .bidirectional = true}, {.d_model = 4}, Random(1)), "s5");
}

TEST(S5, WrongOptionsAreRefused) {
  EXPECT_EQ(
      testing::error_of([] { S5({.d_state = 6, .blocks = 2}, {.d_model = 3}, Random(1)); }),
      "s5: d_state is 6, which 2 blocks of conjugate pairs do not divide\n  take a multiple of "
      "4");
  EXPECT_THROW(S5({.dt_min = 0.2}, {.d_model = 3}, Random(1)), Error);
}

}  // namespace
}  // namespace lw
