#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"

namespace lw {
namespace {

// The known answers of the generator's authors (Random123, kat_vectors).
TEST(Philox, MatchesTheKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, MomentsOfUniformAndNormal) {
  const int64_t n = 200000;
  const auto u = Random(7).uniform({n}, -1, 3, DType::f64).to_vector();
  const auto z = Random(7).normal({n}, 0, 1, DType::f64).to_vector();
  double mean_u = 0, mean_z = 0, variance_z = 0, fourth = 0;
  for (int64_t i = 0; i < n; ++i) {
    EXPECT_GE(u[i], -1);
    EXPECT_LT(u[i], 3);
    mean_u += u[i] / n, mean_z += z[i] / n, variance_z += z[i] * z[i] / n,
        fourth += std::pow(z[i], 4) / n;
  }
  EXPECT_NEAR(mean_u, 1, 0.02);
  EXPECT_NEAR(mean_z, 0, 0.02);
  EXPECT_NEAR(variance_z, 1, 0.02);
  EXPECT_NEAR(fourth, 3, 0.1);
}

TEST(Random, StreamsStepsAndSeedsDiffer) {
  const Random root(1);
  EXPECT_NE(root.fork("a").bits_at(0), root.fork("b").bits_at(0));
  EXPECT_NE(root.fork("a").fork("b").bits_at(0), root.fork("b").fork("a").bits_at(0));
  EXPECT_NE(root.at_step(1).bits_at(0), root.at_step(2).bits_at(0));
  EXPECT_NE(Random(1).bits_at(0), Random(2).bits_at(0));
  EXPECT_EQ(root.fork("a").at_step(9).bits_at(3), Random(1).fork("a").at_step(9).bits_at(3));
}

TEST(Random, TheSameOnEveryNumberOfThreads) {
  const int before = num_threads();
  set_num_threads(1);
  const auto one = Random(3).normal({100000}).to_vector();
  set_num_threads(3);
  EXPECT_EQ(Random(3).normal({100000}).to_vector(), one);
  set_num_threads(before);
}

TEST(Random, IntegersStayBelowTheBound) {
  std::vector<int> counts(7);
  for (uint64_t i = 0; i < 70000; ++i) ++counts[static_cast<size_t>(Random(5).integer_at(i, 7))];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
  EXPECT_THROW(Random(5).integer_at(0, 0), Error);
}

}  // namespace
}  // namespace lw
