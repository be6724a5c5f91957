#include "layers/s4.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "layers/hippo.h"
#include "tests/layers/laws.h"

namespace lw {
namespace {

class S4Laws : public testing::TestWithParam<std::string> {};
TEST_P(S4Laws, Hold) { expect_laws("s4", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, S4Laws, testing::ValuesIn(layer_variants("s4")));

Tensor find(const Layer& layer, const std::string& name) {
  for (const Parameter& p : layer.parameters())
    if (p.name == name) return p.value.value();
  throw Error("no parameter " + name);
}

TEST(S4, StartsAsHippoLegS) {
  const S4 layer({.d_state = 8}, {.d_model = 3}, Random(1));
  const Nplr legs = nplr("legs", 8);
  for (int64_t n = 0; n < 4; ++n) {
    const auto i = static_cast<size_t>(n);
    EXPECT_NEAR(find(layer, "log_A_real").at({2, n}), std::log(0.5 - 1e-4), 1e-6);
    EXPECT_NEAR(find(layer, "A_imag").at({2, n}), legs.lambda[i].imag(), 1e-5);
    EXPECT_NEAR(find(layer, "P_real").at({0, 1, n}), legs.P[i].real(), 1e-6);
    EXPECT_NEAR(find(layer, "B_imag").at({1, n}), legs.B[i].imag(), 1e-5);
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
  const S4 layer({}, {.d_model = 4}, Random(1));
  std::map<std::string, Role> roles_of;
  for (const Parameter& p : layer.parameters()) roles_of[p.name] = p.role;
  EXPECT_EQ(roles_of.at("log_dt"), Role::ssm_dt);
  EXPECT_EQ(roles_of.at("log_A_real"), Role::ssm_a);
  EXPECT_EQ(roles_of.at("A_imag"), Role::ssm_a);
  EXPECT_EQ(roles_of.at("Ct_real"), Role::ssm_c);
  EXPECT_EQ(roles_of.at("D"), Role::ssm_d);
}

TEST(S4, ABidirectionalLayerSeesTheFutureAndRefusesAState) {
  const NoGrad no_grad;
  const S4 layer({.bidirectional = true}, {.d_model = 4}, Random(1));
  EXPECT_FALSE(layer.causal());
  const Tensor x = Random(2).normal({1, 20, 4});
  Tensor changed = x.clone();
  changed.slice(1, 19, 20).fill(5);
  EXPECT_NE(layer(x).value().at({0, 3, 0}), layer(changed).value().at({0, 3, 0}));
  try {
    layer.forward(x, {}, {.keep_state = true});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "s4: a bidirectional layer reads whole sequences; it takes and gives no state");
  }
}

}  // namespace
}  // namespace lw
