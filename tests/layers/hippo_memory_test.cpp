// The online memory: its bounds on a known signal, O(N) updates against dense matrices, irregular
// against regular time stamps, and what windows forget.
#include "layers/hippo_memory.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "layers/hippo.h"
#include "tests/compare.h"

namespace lw {
namespace {

using std::numbers::pi;
using Signal = std::function<double(double)>;

double two_sines(double x) { return std::sin(2 * pi * x) + 0.5 * std::sin(6 * pi * x); }

/// The middles of `steps` equal pieces of [0, 1].
double middle(int64_t k, int64_t steps) {
  return (static_cast<double>(k) + 0.5) / static_cast<double>(steps);
}

HippoMemory remember(const HippoMemoryOptions& options, const Signal& signal, int64_t steps) {
  HippoMemory memory(options);
  for (int64_t k = 0; k < steps; ++k) {
    const double u = signal(middle(k, steps));
    memory.update({&u, 1}, static_cast<double>(k + 1) / static_cast<double>(steps));
  }
  return memory;
}

/// Relative RMS error over what is remembered.
double error(const HippoMemory& memory, const Signal& signal, int64_t steps) {
  double difference = 0, norm = 0;
  for (int64_t k = 0; k < steps; ++k) {
    const double t = middle(k, steps);
    if (t < memory.oldest()) continue;
    difference += std::pow(memory.reconstruct({&t, 1})[0] - signal(t), 2);
    norm += std::pow(signal(t), 2);
  }
  return std::sqrt(difference / norm);
}

TEST(HippoMemory, LegSRemembersTheWholePast) {
  const auto of = [](const char* rule, int64_t N) {
    return error(remember({.N = N, .rule = sampling_rule(rule)}, two_sines, 2000), two_sines, 2000);
  };
  EXPECT_LT(of("forward", 64), 2e-2);
  EXPECT_LT(of("backward", 64), 2e-2);
  EXPECT_LT(of("bilinear", 64), 1e-4);
  EXPECT_LT(of("zoh", 64), 1e-4);
  EXPECT_GT(of("zoh", 8), 1e-2);  // eight polynomials are too few
}

// With A / k throughout, as published: the bound of the literature.
TEST(HippoMemory, PublishedUpdatesAreLessExact) {
  constexpr int64_t N = 64, steps = 2000;
  const Hippo h = hippo("legs", N);
  std::vector<double> c(N), next(N);
  c[0] = two_sines(0);
  for (int64_t k = 1; k < steps; ++k) {
    const double half = 0.5 / static_cast<double>(k), u = two_sines(static_cast<double>(k) / steps);
    for (int64_t n = 0; n < N; ++n) {
      double right = c[n] + 2 * half * h.B[n] * u;
      for (int64_t m = 0; m <= n; ++m)
        right += half * h.A[n * N + m] * (c[m] + (m < n ? next[m] : 0));
      next[n] = right / (1 - half * h.A[n * N + n]);
    }
    c = next;
  }
  HippoMemory memory({});  // for its functions
  const double nothing = 0;
  memory.update({&nothing, 1}, 1);
  double difference = 0, norm = 0;
  for (int64_t k = 0; k < steps; ++k) {
    const std::vector<double> functions = memory.basis(middle(k, steps));
    double sum = 0;
    for (int64_t n = 0; n < N; ++n) sum += c[n] * functions[n];
    difference += std::pow(sum - two_sines(middle(k, steps)), 2);
    norm += std::pow(two_sines(middle(k, steps)), 2);
  }
  EXPECT_LT(std::sqrt(difference / norm), 3e-3);
  EXPECT_GT(std::sqrt(difference / norm), 1e-3);
}

// Zero-order hold is the projection of the signal itself: the integral of each piece.
TEST(HippoMemory, HoldingIsProjection) {
  constexpr int64_t N = 12, steps = 30;
  HippoMemory memory({.N = N, .rule = sampling_rule("zoh")});
  std::vector<double> edges{0};
  for (int64_t k = 0; k < steps; ++k) {
    edges.push_back(edges.back() + 0.1 + 0.7 * static_cast<double>(k * k % 5));
    const double u = std::cos(static_cast<double>(3 * k));
    memory.update({&u, 1}, edges.back());
  }
  for (int64_t n = 0; n < N; ++n) {
    double integral = 0;
    for (int64_t k = 0; k < steps; ++k) {  // Gauss's rule of four nodes, on 64 parts of each piece
      const double nodes[] = {-0.861136311594053, -0.339981043584856, 0.339981043584856,
                              0.861136311594053};
      const double weights[] = {0.347854845137454, 0.652145154862546, 0.652145154862546,
                                0.347854845137454};
      const double part = (edges[k + 1] - edges[k]) / 64;
      for (int64_t i = 0; i < 64; ++i)
        for (int64_t j = 0; j < 4; ++j) {
          const double t = edges[k] + part * (static_cast<double>(i) + (nodes[j] + 1) / 2);
          integral += std::cos(static_cast<double>(3 * k)) * part * weights[j] / 2 *
                      memory.basis(t)[n] / edges.back();
        }
    }
    EXPECT_NEAR(memory.coefficients()[n], integral, 1e-12) << n;
  }
}

/// The same memory by dense matrices; legs has A / t where the rule evaluates it.
std::vector<double> dense_memory(const std::string& measure, int64_t N, const SamplingRule& rule,
                                 double theta, const std::vector<double>& u,
                                 const std::vector<double>& until) {
  const Hippo h = hippo(measure, N);
  const double rate = (measure == "fout" ? 2 : 1) / theta;
  std::vector<double> c(N);
  double before = 0;
  for (size_t k = 0; k < u.size(); ++k) {
    const double piece = until[k] - before;
    double step = piece * rate;
    if (measure == "legs") {
      if (k == 0) c[0] = u[0];
      step = rule.zoh ? std::log(until[k] / before) : piece / (before + rule.alpha * piece);
    }
    before = until[k];
    if (measure == "legs" && k == 0) continue;
    const DenseSystem s = discretize(static_cast<const DenseSystem&>(h), rule, step);
    std::vector<double> next(N);
    for (int64_t n = 0; n < N; ++n) {
      next[n] = s.B[n] * u[k];
      for (int64_t m = 0; m < N; ++m) next[n] += s.A[n * N + m] * c[m];
    }
    c = next;
  }
  return c;
}

TEST(HippoMemory, StructureIsTheDenseMatrix) {
  for (const char* measure : {"legs", "legt", "lmu", "lagt", "fout"})
    for (const char* rule : {"forward", "backward", "bilinear", "zoh"})
      for (const int64_t N : {2, 10, 32}) {
        SCOPED_TRACE(str(measure, " ", rule, " ", N));
        const bool legs = std::string(measure) == "legs", forward = rule[0] == 'f';
        const double unit = forward && !legs ? 1e-3 : 0.05;  // what a dense explicit step bears
        HippoMemory memory({measure, N, sampling_rule(rule), 0.7}, 3);
        std::vector<double> u[3], until;
        for (int64_t k = 0; k < 20; ++k) {
          until.push_back((until.empty() ? (legs ? 8. : 0.) : until.back()) +
                          unit * static_cast<double>(1 + k % 3));
          std::vector<double> now;
          for (int64_t c = 0; c < 3; ++c) {
            now.push_back(std::sin(static_cast<double>(c + 1) * static_cast<double>(k)));
            u[c].push_back(now.back());
          }
          memory.update(now, until.back());
        }
        double largest = 0;
        for (const double value : memory.coefficients())
          largest = std::max(largest, std::abs(value));
        for (int64_t c = 0; c < 3; ++c) {
          const auto expected = dense_memory(measure, N, sampling_rule(rule), 0.7, u[c], until);
          for (int64_t n = 0; n < N; ++n)
            ASSERT_NEAR(memory.coefficients()[n * 3 + c], expected[n],
                        1e-12 * std::max(1., largest))
                << n << " " << c;
        }
      }
}

// One piece, given whole or cut into parts of equal value, is the same to an exact rule; stamps that are
// regular give the same as regular ones, bit for bit, however they were computed.
TEST(HippoMemory, TimeStampsMayBeIrregular) {
  for (const std::string& measure : hippo_memory_measures()) {
    const HippoMemoryOptions options{measure, 16, sampling_rule("zoh"), 0.8};
    HippoMemory whole(options), cut(options), bilinear({measure, 16}), again({measure, 16}, 1, -3);
    for (int64_t k = 0; k < 25; ++k) {
      const double u = std::cos(static_cast<double>(k)), t = static_cast<double>(k + 1) / 16;
      whole.update({&u, 1}, t);
      if (k % 2 == 0) cut.update({&u, 1}, t - 1. / 32);
      if (k % 3 == 0) cut.update({&u, 1}, t - 1. / 64);
      cut.update({&u, 1}, t);
      bilinear.update({&u, 1}, t);
      again.update({&u, 1}, t - 3);  // exact: sixteenths
    }
    for (int64_t n = 0; n < 16; ++n) {
      EXPECT_NEAR(cut.coefficients()[n], whole.coefficients()[n], 1e-12) << measure << " " << n;
      EXPECT_EQ(again.coefficients()[n], bilinear.coefficients()[n]) << measure << " " << n;
    }
  }
}

TEST(HippoMemory, WindowsRememberThemselvesAndForgetTheRest) {
  const Signal wave = [](double t) { return std::sin(2 * pi * t * 4); };
  for (const char* measure : {"legt", "lmu"}) {
    const HippoMemory memory = remember({measure, 32, {}, 0.5}, wave, 2000);
    EXPECT_EQ(memory.oldest(), 0.5);
    EXPECT_LT(error(memory, wave, 2000), 2e-2) << measure;
  }
  EXPECT_LT(error(remember({"fout", 64, {}, 0.5}, wave, 2000), wave, 2000), 5e-2);
  EXPECT_LT(error(remember({"lagt", 64, {}, 0.05}, wave, 2000), wave, 2000), 8e-2);

  // A pulse, then silence: theta after it nothing of it is left.
  const Signal pulse = [](double t) { return t > 0.05 && t < 0.15 ? 1. : 0.; };
  const auto energy = [&](const char* measure, double until) {
    const HippoMemory memory = remember(
        {measure, 64, {}, 0.5}, [&](double x) { return pulse(x * until); }, 4000);
    double sum = 0;
    for (const double c : memory.coefficients()) sum += c * c;
    return sum;
  };
  // The signal lasts `until` on a clock that runs to 1, so the window of 0.5 covers 0.5 until.
  for (const char* measure : {"legt", "fout"}) {
    const double inside = energy(measure, 0.25), after = energy(measure, 2);
    EXPECT_LT(after, 1e-2 * inside) << measure;
  }
  EXPECT_GT(energy("legs", 2), 1e-2);  // the whole past holds it
}

TEST(HippoMemory, WeighsThePastByItsMeasure) {
  for (const std::string& measure : hippo_memory_measures()) {
    const double theta = measure == "lagt" ? 1. / 64 : 0.125;  // 8 functions of lagt reach 32 theta
    const HippoMemory memory = remember({measure, 8, {}, theta}, two_sines, 64);
    double integral = 0;
    for (int64_t k = 0; k < 4096; ++k) integral += memory.weight(middle(k, 4096)) / 4096;
    EXPECT_NEAR(integral, 1, 1e-3) << measure;
    EXPECT_EQ(memory.weight(1.1), 0);
    EXPECT_EQ(memory.weight(0.4), measure == "legs" ? 1 : 0);
  }
}

TEST(HippoMemory, SaysWhatIsWrong) {
  using testing::error_of;
  EXPECT_EQ(
      error_of([] { HippoMemory m({.measure = "legz"}); }),
      "hippo memory: unknown measure `legz`, expected one of: legs legt legt_half lmu lagt fout "
      "fourier fourier2; did you mean `legs`?");
  EXPECT_EQ(error_of([] { HippoMemory m({.measure = "foud"}); }),
            "hippo memory: unknown measure `foud`, expected one of: legs legt legt_half lmu lagt "
            "fout fourier fourier2; did you mean `fout`?\n  foud is known, but nothing can be "
            "reconstructed from it");
  EXPECT_EQ(error_of([] { HippoMemory m({.N = 0}); }),
            "hippo: expected N of at least 1, received 0");
  EXPECT_EQ(error_of([] { HippoMemory m({.measure = "fout", .N = 3}); }),
            "hippo: fout pairs sines with cosines, expected an even N, received 3");
  EXPECT_EQ(error_of([] { HippoMemory m({.theta = 0}); }),
            "hippo memory: expected a positive theta, received 0");
  HippoMemory memory({.measure = "legt", .theta = 0.5}, 2);
  const std::vector<double> u{1, 2};
  memory.update(u, 1);
  EXPECT_EQ(error_of([&] { memory.update(u, 1); }),
            "hippo memory: expected a time after 1, received 1");
  EXPECT_EQ(error_of([&] {
              memory.update({u.data(), 1}, 2);
            }),
            "hippo memory: expected 2 values, one a channel, received 1");
  EXPECT_EQ(error_of([&] { memory.basis(0.25); }),
            "hippo memory: expected a time within [0.5, 1], received 0.25");
}

}  // namespace
}  // namespace lw
