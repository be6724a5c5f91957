#include "layers/s4d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "layers/hippo.h"
#include "tests/layers/laws.h"

namespace lw {
namespace {

class S4DLaws : public ::testing::TestWithParam<std::string> {};
TEST_P(S4DLaws, Hold) { expect_laws("s4d", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, S4DLaws, ::testing::ValuesIn(layer_variants("s4d")));

TEST(S4D, StartsAsTheInitialisationSays) {
  const S4D lin({.d_state = 8}, {.d_model = 3}, Random(1));
  for (int64_t n = 0; n < 4; ++n) {
    EXPECT_NEAR(value_of(lin, "log_A_real").at({2, n}), std::log(0.5), 1e-6);
    EXPECT_NEAR(value_of(lin, "A_imag").at({2, n}), std::numbers::pi * static_cast<double>(n),
                1e-5);
  }
  const S4D real({.d_state = 4, .init = "real"}, {.d_model = 3}, Random(1));
  for (int64_t n = 0; n < 4; ++n)
    EXPECT_NEAR(value_of(real, "log_A_real").at({0, n}), std::log(n + 1.0), 1e-6);
  for (const Parameter& p : real.parameters()) EXPECT_EQ(p.name.find("imag"), std::string::npos);
  for (const double log_dt : value_of(lin, "log_dt").to_vector()) {
    EXPECT_GE(log_dt, std::log(1e-3));
    EXPECT_LE(log_dt, std::log(1e-1));
  }
}

TEST(S4D, RolesSlowTheDynamics) {
  expect_roles_of_dynamics(S4D({}, {.d_model = 4}, Random(1)), "C_real");
}

TEST(S4D, StartsFromEveryInitialisation) {
  for (const std::string& init : diagonal_inits()) {
    const S4D layer({.d_state = 8, .init = init}, {.d_model = 3}, Random(1));
    const Tensor y = layer(Random(2).normal({1, 30, 3})).value();
    for (const double value : y.to_vector()) EXPECT_TRUE(std::isfinite(value)) << init;
  }
}

TEST(S4D, ASlowSignalAtHalfTheRateGivesEverySecondOutput) { expect_rate("s4d"); }

TEST(S4D, GroupsOfChannelsShareASystem) {
  expect_shared_systems(S4D({.n_ssm = 2}, {.d_model = 4}, Random(1)), "s4d",
                        {"log_A_real", "A_imag"});
}

TEST(S4D, TellsItsDynamics) {
  expect_dynamics(S4D({.d_state = 8}, {.d_model = 3}, Random(1)), 3, 12);
}

TEST(S4D, ABidirectionalLayerSeesTheFutureAndRefusesAState) {
  expect_bidirectional(S4D({.bidirectional = true}, {.d_model = 4}, Random(1)), "s4d");
}

}  // namespace
}  // namespace lw
