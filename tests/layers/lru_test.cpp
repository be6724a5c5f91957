#include "layers/lru.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/layers/laws.h"

namespace lw {
namespace {

class LruLaws : public ::testing::TestWithParam<std::string> {};
TEST_P(LruLaws, Hold) { expect_laws("lru", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, LruLaws, ::testing::ValuesIn(layer_variants("lru")));

TEST(Lru, StartsOnARing) {
  const Lru layer({.d_state = 2000, .r_min = 0.1, .r_max = 0.9, .max_phase = 1}, {.d_model = 3},
                  Random(1));
  const Dynamics dynamics = layer.dynamics(1);
  ASSERT_EQ(dynamics.poles.size(), 1000u);
  double mean_square = 0;
  for (size_t n = 0; n < 1000; ++n) {
    const double radius = std::abs(dynamics.poles[n]), phase = std::arg(dynamics.poles[n]);
    EXPECT_GE(radius, 0.1 - 1e-6);
    EXPECT_LE(radius, 0.9 + 1e-6);
    EXPECT_GE(phase, 0);
    EXPECT_LE(phase, 1 + 1e-6);
    EXPECT_NEAR(value_of(layer, "log_gamma").at({static_cast<int64_t>(n)}),
                std::log(std::sqrt(1 - radius * radius)), 1e-5);
    mean_square += radius * radius / 1000;
  }
  // Uniform in the square of the radius: the mean is 0.41, of a uniform radius 0.30.
  EXPECT_NEAR(mean_square, (0.01 + 0.81) / 2, 0.03);
}

TEST(Lru, KeepsTheSizeOfItsState) {
  // Of white noise, E|x|^2 = gamma^2 / (1 - |lambda|^2) E|B u|^2 = E|B u|^2 = 1: the channels share 2 H draws of 1/2H.
  const NoGrad no_grad;
  const Lru layer({.d_state = 64}, {.d_model = 32}, Random(1));
  const Tensor x = Random(2).normal({1, 5000, 32});
  const std::vector<double> state =
      layer.forward(x, {}, {.keep_state = true}).state[0].value().to_vector();
  double size = 0;
  for (const double s : state) size += s * s / 32;
  EXPECT_GT(size, 0.5);
  EXPECT_LT(size, 2);
}

TEST(Lru, RolesLetTheDynamicsLearnSlowly) {
  const Lru layer({}, {.d_model = 3}, Random(1));
  for (const char* name : {"nu", "theta", "log_gamma"})
    EXPECT_EQ(parameter_of(layer, name).role, Role::ssm_a);
  EXPECT_FALSE(layer.continuous());
}

TEST(Lru, WrongOptionsAreRefused) {
  EXPECT_EQ(testing::error_of([] { Lru({.r_min = 0.9, .r_max = 0.5}, {.d_model = 3}, Random(1)); }),
            "lru: r_min is 0.9, larger than r_max = 0.5");
}

}  // namespace
}  // namespace lw
