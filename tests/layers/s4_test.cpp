#include "layers/s4.h"

#include <gtest/gtest.h>

#include <cmath>

#include "layers/hippo.h"
#include "tests/layers/laws.h"

namespace lw {
namespace {

class S4Laws : public ::testing::TestWithParam<std::string> {};
TEST_P(S4Laws, Hold) { expect_laws("s4", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, S4Laws, ::testing::ValuesIn(layer_variants("s4")));

TEST(S4, StartsAsHippoLegS) {
  const S4 layer({.d_state = 8}, {.d_model = 3}, Random(1));
  const Nplr legs = nplr("legs", 8);
  for (int64_t n = 0; n < 4; ++n) {
    const auto i = static_cast<size_t>(n);
    EXPECT_NEAR(value_of(layer, "log_A_real").at({2, n}), std::log(0.5 - 1e-4), 1e-6);
    EXPECT_NEAR(value_of(layer, "A_imag").at({2, n}), legs.lambda[i].imag(), 1e-5);
    EXPECT_NEAR(value_of(layer, "P_real").at({0, 1, n}), legs.P[i].real(), 1e-6);
    EXPECT_NEAR(value_of(layer, "B_imag").at({1, n}), legs.B[i].imag(), 1e-5);
  }
}

TEST(S4, InputsLongerThanTheConvolutionGoThroughTheRecurrence) {
  const NoGrad no_grad;
  const S4 short_layer({.d_state = 4, .l_max = 20}, {.d_model = 3}, Random(1));
  const Tensor x = Random(2).normal({1, 50, 3});
  const Tensor whole = short_layer(x).value();
  const Tensor first =
      short_layer.forward(x.slice(1, 0, 20).contiguous(), {}, {.mode = Mode::convolution})
          .y.value();
  for (int64_t t = 0; t < 20; ++t) EXPECT_NEAR(whole.at({0, t, 1}), first.at({0, t, 1}), 1e-5);
}

TEST(S4, RolesSlowTheDynamics) {
  expect_roles_of_dynamics(S4({}, {.d_model = 4}, Random(1)), "Ct_real");
}

TEST(S4, ABidirectionalLayerSeesTheFutureAndRefusesAState) {
  expect_bidirectional(S4({.bidirectional = true}, {.d_model = 4}, Random(1)), "s4");
}

}  // namespace
}  // namespace lw
