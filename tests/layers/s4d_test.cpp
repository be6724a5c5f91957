#include "layers/s4d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numbers>

#include "tests/layers/laws.h"

namespace lw {
namespace {

class S4DLaws : public testing::TestWithParam<std::string> {};
TEST_P(S4DLaws, Hold) { expect_laws("s4d", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, S4DLaws, testing::ValuesIn(layer_variants("s4d")));

Tensor find(const Layer& layer, const std::string& name) {
  for (const Parameter& p : layer.parameters())
    if (p.name == name) return p.value.value();
  throw Error("no parameter " + name);
}

TEST(S4D, StartsAsTheInitialisationSays) {
  const S4D lin({.d_state = 8}, {.d_model = 3}, Random(1));
  for (int64_t n = 0; n < 4; ++n) {
    EXPECT_NEAR(find(lin, "log_A_real").at({2, n}), std::log(0.5), 1e-6);
    EXPECT_NEAR(find(lin, "A_imag").at({2, n}), std::numbers::pi * static_cast<double>(n), 1e-5);
  }
  const S4D real({.d_state = 4, .init = "real"}, {.d_model = 3}, Random(1));
  for (int64_t n = 0; n < 4; ++n)
    EXPECT_NEAR(find(real, "log_A_real").at({0, n}), std::log(n + 1.0), 1e-6);
  for (const Parameter& p : real.parameters()) EXPECT_EQ(p.name.find("imag"), std::string::npos);
  for (const double log_dt : find(lin, "log_dt").to_vector()) {
    EXPECT_GE(log_dt, std::log(1e-3));
    EXPECT_LE(log_dt, std::log(1e-1));
  }
}

TEST(S4D, RolesSlowTheDynamics) {
  const S4D layer({}, {.d_model = 4}, Random(1));
  std::map<std::string, Role> roles_of;
  for (const Parameter& p : layer.parameters()) roles_of[p.name] = p.role;
  EXPECT_EQ(roles_of.at("log_dt"), Role::ssm_dt);
  EXPECT_EQ(roles_of.at("log_A_real"), Role::ssm_a);
  EXPECT_EQ(roles_of.at("A_imag"), Role::ssm_a);
  EXPECT_EQ(roles_of.at("C_real"), Role::ssm_c);
  EXPECT_EQ(roles_of.at("D"), Role::ssm_d);
}

TEST(S4D, ABidirectionalLayerSeesTheFutureAndRefusesAState) {
  const NoGrad no_grad;
  const S4D layer({.bidirectional = true}, {.d_model = 4}, Random(1));
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
                 "s4d: a bidirectional layer reads whole sequences; it takes and gives no state");
  }
}

}  // namespace
}  // namespace lw
