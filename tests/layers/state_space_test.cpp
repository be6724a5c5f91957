// Sampling: dense, diagonal and low-rank systems agree, and each rule converges at its order.
#include "layers/state_space.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "layers/hippo.h"
#include "tests/compare.h"

namespace lw {
namespace {

using Complexes = std::vector<complex128>;

std::vector<SamplingRule> all_rules() {
  std::vector<SamplingRule> rules{generalized_bilinear(0.3)};
  for (const std::string& name : sampling_rules()) rules.push_back(sampling_rule(name));
  return rules;
}

Complexes dense(const DplrSystem& s) {
  const size_t N = s.lambda.size();
  Complexes A(N * N);
  for (size_t i = 0; i < N; ++i)
    for (size_t j = 0; j < N; ++j) {
      A[i * N + j] = i == j ? s.lambda[i] : 0;
      for (int64_t r = 0; r < s.rank; ++r) A[i * N + j] -= s.P[r * N + i] * conj(s.Q[r * N + j]);
    }
  return A;
}

/// Abar^l Bbar for l < length, [length, N].
template <class T>
std::vector<T> powers(const std::vector<T>& A, std::vector<T> x, int64_t length) {
  const size_t N = x.size();
  std::vector<T> result;
  for (int64_t l = 0; l < length; ++l) {
    result.insert(result.end(), x.begin(), x.end());
    std::vector<T> next(N);
    for (size_t i = 0; i < N; ++i)
      for (size_t j = 0; j < N; ++j) next[i] += A[i * N + j] * x[j];
    x = next;
  }
  return result;
}

// The kernels 2 Re <V, x> of the low-rank form are those of the dense matrix, coefficient by coefficient.
TEST(StateSpace, LowRankIsDenseInAnotherBasis) {
  constexpr int64_t N = 16, length = 40;
  for (const char* measure :
       {"legs", "legsd", "lagt", "glagt", "legt", "fout", "fourier2", "fourier_decay", "foud"})
    for (const SamplingRule& rule : all_rules()) {
      SCOPED_TRACE(str(measure, " alpha ", rule.alpha, " zoh ", rule.zoh));
      const Hippo h = hippo(measure, N);
      const double step = rule.alpha == 0 && !rule.zoh ? 1e-3 : 0.02;
      const DenseSystem sampled = discretize(static_cast<const DenseSystem&>(h), rule, step);
      const Nplr form = nplr(measure, N);
      const DplrSystem low_rank = discretize(dplr_system(form), rule, step);
      EXPECT_EQ(low_rank.rank, rule.zoh ? N : form.rank);

      const auto expected = powers(sampled.A, sampled.B, length);
      const auto actual = powers(dense(low_rank), low_rank.B, length);
      double largest = 0;
      for (const double value : expected) largest = std::max(largest, std::abs(value));
      for (int64_t l = 0; l < length; ++l)
        for (int64_t n = 0; n < N; ++n) {
          double value = 0;
          for (int64_t k = 0; k < N / 2; ++k)
            value += 2 * (form.V[n * N / 2 + k] * actual[l * N + k]).real();
          ASSERT_NEAR(value, expected[l * N + n], 1e-12 * largest) << l << " " << n;
        }
    }
}

TEST(StateSpace, DiagonalIsLowRankOfRankZero) {
  const DplrSystem system = dplr_system(nplr("legsd", 32));
  for (const SamplingRule& rule : all_rules())
    for (const double step : {1e-9, 1e-3, 0.1}) {
      const DiagonalSystem diagonal =
          discretize(DiagonalSystem{system.lambda, system.B}, rule, step);
      const DplrSystem low_rank = discretize(system, rule, step);
      const Complexes A = dense(low_rank);
      for (size_t n = 0; n < 32; ++n) {
        EXPECT_NEAR(std::abs(A[n * 33] - diagonal.lambda[n]), 0, 1e-12);
        EXPECT_NEAR(std::abs(low_rank.B[n] - diagonal.B[n]), 0, 1e-12 * std::abs(diagonal.B[n]));
      }
    }
}

/// Errors of x(1), from `start`, under n and 2n steps of x' = A x + B u, as the binary logarithm of their
/// ratio; 99 where the error is rounding alone. Step k is given input(k, n).
double order(const SamplingRule& rule, double start,
             const std::function<double(double, double)>& input,
             const std::function<double(double)>& exact_u) {
  // A damped oscillator; the exact solution by the same rule in very small steps of the exact input.
  const DenseSystem system{2, {0, 1, -9, -0.6}, {0, 1}};
  const auto run = [&](int64_t n, const SamplingRule& by,
                       const std::function<double(double, double)>& u) {
    const DenseSystem s = discretize(system, by, 1. / static_cast<double>(n));
    double x = start, v = 0;
    for (int64_t k = 0; k < n; ++k) {
      const double value = u(static_cast<double>(k) / n, 1. / n);
      const double next = s.A[0] * x + s.A[1] * v + s.B[0] * value;
      v = s.A[2] * x + s.A[3] * v + s.B[1] * value;
      x = next;
    }
    return x;
  };
  const double exact =
      run(1 << 17, sampling_rule("zoh"), [&](double t, double d) { return exact_u(t + d / 2); });
  const double coarse = std::abs(run(128, rule, input) - exact),
               fine = std::abs(run(256, rule, input) - exact);
  return fine < 1e-11 ? 99 : std::log2(coarse / fine);
}

// The table at the top of state_space.h.
TEST(StateSpace, ConvergesAtItsOrder) {
  const auto none = [](double) { return 0.; };
  const auto held = [](double t) { return t < 0.5 ? 1. : -0.5; };
  const auto smooth = [](double t) { return std::sin(5 * t) + t * t; };
  const std::tuple<SamplingRule, double, double, double, double> table[] = {
      {sampling_rule("forward"), 1, 1, 1, 1},   {sampling_rule("backward"), 1, 1, 1, 1},
      {sampling_rule("bilinear"), 2, 2, 2, 1},  {sampling_rule("zoh"), 99, 99, 2, 1},
      {generalized_bilinear(0.25), 1, 1, 1, 1},
  };
  for (const auto& [rule, free, by_held, at_middle, at_end] : table) {
    SCOPED_TRACE(str("alpha ", rule.alpha, " zoh ", rule.zoh));
    EXPECT_NEAR(order(
                    rule, 1, [](double, double) { return 0.; }, none),
                free, 0.1);
    EXPECT_NEAR(order(
                    rule, 0, [&](double t, double) { return held(t); }, held),
                by_held, 0.1);
    EXPECT_NEAR(order(
                    rule, 0, [&](double t, double d) { return smooth(t + d / 2); }, smooth),
                at_middle, 0.1);
    EXPECT_NEAR(order(
                    rule, 0, [&](double t, double d) { return smooth(t + d); }, smooth),
                at_end, 0.1);
  }
}

TEST(StateSpace, SaysWhatIsWrong) {
  const DenseSystem growing{1, {2}, {1}};
  using testing::error_of;
  EXPECT_EQ(
      error_of([&] { discretize(growing, sampling_rule("backward"), 0.5); }),
      "discretize: I - alpha step A is singular for alpha = 1, step = 0.5, so A has a growing "
      "mode that this step does not resolve; take a smaller one");
  EXPECT_EQ(error_of([&] { discretize(growing, sampling_rule("zoh"), 0); }),
            "discretize: expected a positive step, received 0");
  EXPECT_EQ(error_of([&] {
              discretize(DenseSystem{2, {1}, {1}}, {}, 1);
            }),
            "discretize: expected A of 2 x 2 and B of 2 numbers, received 1 and 1");
  EXPECT_EQ(
      error_of([] { sampling_rule("bilinaer"); }),
      "unknown discretization `bilinaer`, expected one of: forward backward bilinear zoh; did "
      "you mean `bilinear`?");
  EXPECT_EQ(error_of([] { generalized_bilinear(1.5); }),
            "generalized_bilinear: expected alpha in [0, 1], received 1.5");
}

}  // namespace
}  // namespace lw
