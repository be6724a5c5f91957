#include "layers/s4.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "autograd/ops/complex.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/s4_readout.h"
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

TEST(S4, StartsFromEveryMeasureThatIsNormalPlusLowRank) {
  std::set<int64_t> ranks;
  for (const std::string& init : hippo_measures()) {
    const std::optional<LowRankCorrection> correction = hippo(init, 8).correction;
    if (!correction) continue;
    ranks.insert(correction->rank);
    const S4 layer({.d_state = 8, .init = init}, {.d_model = 3}, Random(1));
    int64_t rank = 0;
    for (const Parameter& p : layer.parameters())
      if (p.name == "P_real") rank = p.value.size(0);
    EXPECT_EQ(rank, correction->rank) << init;
    for (const double y : layer(Random(2).normal({1, 30, 3})).value().to_vector())
      EXPECT_TRUE(std::isfinite(y)) << init;
  }
  EXPECT_EQ(ranks, (std::set<int64_t>{0, 1, 2}));
}

/// Parameters of two layers of different l_max that are the same system.
void same_system(const S4& from, const S4& to, int64_t l_from, int64_t l_to) {
  const auto value = [](const S4& layer, const std::string& name) {
    return complex(value_of(layer, name + "_real"), value_of(layer, name + "_imag"));
  };
  for (const Parameter& p : to.parameters()) Variable(p.value).set_value(value_of(from, p.name));
  const Variable dt = exp(Variable(value_of(from, "log_dt")));
  const Variable A =
      complex(-(exp(Variable(value_of(from, "log_A_real"))) + 1e-4), value_of(from, "A_imag"));
  const Variable P = value(from, "P");
  const Variable Ct =
      s4_truncated_readout(dt, A, P, s4_readout(dt, A, P, value(from, "Ct"), l_from), l_to);
  Variable(parameter_of(to, "Ct_real").value).set_value(real(Ct).value());
  Variable(parameter_of(to, "Ct_imag").value).set_value(imag(Ct).value());
}

TEST(S4, LongerInputsAreConvolvedAsIfTheReadoutHadBeenMadeForThem) {
  const NoGrad no_grad;
  const S4 small({.d_state = 4, .l_max = 20}, {.d_model = 3}, Random(1)),
      large({.d_state = 4, .l_max = 100}, {.d_model = 3}, Random(1));
  same_system(small, large, 20, 100);
  const Tensor x = Random(2).normal({1, 90, 3});
  testing::expect_close(small(x).value(), large(x).value(), 1e-5);
}

TEST(S4, ASlowSignalAtHalfTheRateGivesEverySecondOutput) { expect_rate("s4"); }

TEST(S4, RolesSlowTheDynamics) {
  expect_roles_of_dynamics(S4({}, {.d_model = 4}, Random(1)), "Ct_real");
}

TEST(S4, GroupsOfChannelsShareASystem) {
  expect_shared_systems(S4({.n_ssm = 2}, {.d_model = 4}, Random(1)), "s4",
                        {"log_A_real", "A_imag", "B_real", "B_imag"});
}

TEST(S4, TellsItsDynamics) {
  expect_dynamics(S4({.d_state = 8}, {.d_model = 3}, Random(1)), 3, 12);
}

TEST(S4, TellsAllPolesOfHippoLegS) {
  for (const int64_t N : {2, 4, 6, 8})  // what rounding the matrix to f32 leaves of them
    expect_poles_of_legs(S4({.d_state = N}, {.d_model = 2}, Random(1)), N, 2e-3);
}

TEST(S4, ABidirectionalLayerSeesTheFutureAndRefusesAState) {
  expect_bidirectional(S4({.bidirectional = true}, {.d_model = 4}, Random(1)), "s4");
}

}  // namespace
}  // namespace lw
