#include "layers/hippo_memory.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "layers/hippo.h"
#include "layers/structured_matrix.h"
#include "layers/unknown_name.h"

namespace lw {
namespace {

using std::numbers::pi;
using Values = std::vector<double>;

/// P_0(x) ... P_{count-1}(x)
Values legendre(double x, int64_t count) {
  Values p{1, x};
  for (int64_t n = 1; n + 1 < count; ++n) {
    const auto order = static_cast<double>(n);
    p.push_back(((2 * order + 1) * x * p[n] - order * p[n - 1]) / (order + 1));
  }
  p.resize(static_cast<size_t>(count));
  return p;
}

/// r_n P_n(x)
Values orthonormal_legendre(double x, int64_t count) {
  Values p = legendre(x, count);
  for (int64_t n = 0; n < count; ++n) p[n] *= std::sqrt(static_cast<double>(2 * n + 1));
  return p;
}

/// e^{-s/2} L_n(s)
Values laguerre(double s, int64_t count) {
  const double fade = std::exp(-s / 2);
  Values L{fade, fade * (1 - s)};
  for (int64_t n = 1; n + 1 < count; ++n) {
    const auto order = static_cast<double>(n);
    L.push_back(((2 * order + 1 - s) * L[n] - order * L[n - 1]) / (order + 1));
  }
  L.resize(static_cast<size_t>(count));
  return L;
}

/// 1, 0, sqrt 2 cos, sqrt 2 sin, ... of `turns` turns of the circle
Values fourier(double turns, int64_t count) {
  Values series{1, 0};
  for (int64_t k = 1; 2 * k < count; ++k) {
    const double angle = 2 * pi * static_cast<double>(k) * turns;
    series.push_back(std::numbers::sqrt2 * std::cos(angle));
    series.push_back(std::numbers::sqrt2 * std::sin(angle));
  }
  return series;
}

/// Zero-order hold of legs, without its matrix: what is remembered is a polynomial of degree below N on
/// [0, 1], the past; when the past grows it shrinks to [0, kept], and is projected again by Gauss's
/// quadrature, which is exact for it.
class LegendreStretch {
 public:
  explicit LegendreStretch(int64_t N) : N_(N) {
    for (int64_t j = 0; j < N;
         ++j) {  // Newton's method from Tricomi's estimate of the roots of P_N
      double x = std::cos(pi * (static_cast<double>(j) + 0.75) / (static_cast<double>(N) + 0.5));
      double slope = 0;
      for (int i = 0; i < 8; ++i) {
        const Values p = legendre(x, N + 2);
        slope = static_cast<double>(N) * (p[N - 1] - x * p[N]) / (1 - x * x);
        x -= p[N] / slope;
      }
      nodes_.push_back((x + 1) / 2);
      weights_.push_back(1 / ((1 - x * x) * slope * slope));
      at_nodes_.push_back(orthonormal_legendre(x, N));
    }
  }

  /// The coefficients, [N, channels], of the old past on [0, kept] and u on [kept, 1].
  void apply(double kept, std::span<const double> u, Values& coefficients) const {
    const auto channels = static_cast<int64_t>(u.size());
    Values result(coefficients.size()), value(u.size());
    for (int64_t j = 0; j < N_; ++j) {
      value.assign(value.size(), 0);
      for (int64_t n = 0; n < N_; ++n)
        for (int64_t c = 0; c < channels; ++c)
          value[c] += at_nodes_[j][n] * coefficients[n * channels + c];
      const Values projected = legendre(2 * kept * nodes_[j] - 1, N_);
      for (int64_t n = 0; n < N_; ++n)
        for (int64_t c = 0; c < channels; ++c)
          result[n * channels + c] += kept * weights_[j] * projected[n] * value[c];
    }
    const Values p = legendre(2 * kept - 1, N_ + 2);
    for (int64_t n = 0; n < N_; ++n) {
      const auto odd = static_cast<double>(2 * n + 1);
      // of P_n(2y - 1) from kept to 1
      const double integral = n == 0 ? 1 - kept : (p[n - 1] - p[n + 1]) / (2 * odd);
      for (int64_t c = 0; c < channels; ++c) {
        double& sum = result[n * channels + c];
        sum = std::sqrt(odd) * (sum + integral * u[c]);
      }
    }
    coefficients = std::move(result);
  }

 private:
  int64_t N_;
  Values nodes_, weights_;
  std::vector<Values> at_nodes_;  // r_n P_n, [node][n]
};

}  // namespace

const std::vector<std::string>& hippo_memory_measures() {
  static const std::vector<std::string> names{"legs", "legt", "legt_half", "lmu",
                                              "lagt", "fout", "fourier",   "fourier2"};
  return names;
}

struct HippoMemory::State {
  HippoMemoryOptions options;
  int64_t channels;
  double start, time;
  Hippo system;
  double rate;          // of A: 1 / theta, for fout 2 / theta
  Values coefficients;  // [N, channels]
  std::unique_ptr<StructuredMatrix> A = {};
  std::optional<LegendreStretch> stretch = {};
  // Zero-order hold of the others, and the step it is of.
  DenseSystem held = {};
  double held_step = 0;

  bool scales() const { return options.measure == "legs"; }
  bool fades() const { return options.measure == "lagt"; }

  /// c <- (I - alpha h A)^-1 ((I + (1 - alpha) h A) c + h B u)
  void advance(double h, std::span<const double> u) {
    const double alpha = options.rule.alpha;
    if (alpha < 1) {
      Values slope = coefficients;
      A->multiply(slope, channels);
      for (size_t i = 0; i < slope.size(); ++i) coefficients[i] += (1 - alpha) * h * slope[i];
    }
    for (int64_t n = 0; n < options.N; ++n)
      for (int64_t c = 0; c < channels; ++c)
        coefficients[n * channels + c] += h * system.B[n] * u[c];
    if (alpha > 0) A->solve(alpha * h, coefficients, channels);
  }

  void hold(double h, std::span<const double> u) {
    // Differences of regular time stamps differ by rounding alone.
    if (std::abs(h - held_step) > 1e-12 * h) {
      held = discretize(static_cast<const DenseSystem&>(system), {.zoh = true}, h);
      held_step = h;
    }
    Values result(coefficients.size());
    for (int64_t n = 0; n < options.N; ++n) {
      for (int64_t c = 0; c < channels; ++c) result[n * channels + c] = held.B[n] * u[c];
      for (int64_t k = 0; k < options.N; ++k)
        for (int64_t c = 0; c < channels; ++c)
          result[n * channels + c] += held.A[n * options.N + k] * coefficients[k * channels + c];
    }
    coefficients = std::move(result);
  }
};

HippoMemory::HippoMemory(const HippoMemoryOptions& options, int64_t channels, double start) {
  const auto& known = hippo_memory_measures();
  const std::string& measure = options.measure;
  if (std::find(known.begin(), known.end(), measure) == known.end()) {
    const auto& all = hippo_measures();
    const bool no_memory = std::find(all.begin(), all.end(), measure) != all.end();
    std::string message = "hippo memory: " + unknown_name("measure", measure, known);
    if (no_memory)
      message += "\n  " + measure + " is known, but nothing can be reconstructed from it";
    throw Error(message);
  }
  check(channels >= 1, "hippo memory: expected at least one channel, received ", channels);
  check(std::isfinite(options.theta) && options.theta > 0,
        "hippo memory: expected a positive theta, received ", options.theta);
  HippoMemoryOptions o = options;
  if (measure == "legt_half") o.measure = "legt";
  if (measure.starts_with("fou")) o.measure = "fout";
  const Hippo system = hippo(o.measure, o.N);
  state_ = std::make_unique<State>(State{o, channels, start, start, system,
                                         (o.measure == "fout" ? 2 : 1) / o.theta,
                                         Values(static_cast<size_t>(o.N * channels))});
  state_->A = structured_hippo(o.measure, o.N);
  if (state_->scales() && o.rule.zoh) state_->stretch.emplace(o.N);
}

HippoMemory::~HippoMemory() = default;
HippoMemory::HippoMemory(HippoMemory&&) noexcept = default;
HippoMemory& HippoMemory::operator=(HippoMemory&&) noexcept = default;

void HippoMemory::update(std::span<const double> u, double until) {
  State& s = *state_;
  check(std::ssize(u) == s.channels, "hippo memory: expected ", s.channels,
        " values, one a channel, received ", u.size());
  check(std::isfinite(until) && until > s.time, "hippo memory: expected a time after ", s.time,
        ", received ", until);
  const double before = s.time - s.start, piece = until - s.time;
  s.time = until;
  if (!s.scales())
    return s.options.rule.zoh ? s.hold(piece * s.rate, u) : s.advance(piece * s.rate, u);
  if (before == 0) return void(std::copy(u.begin(), u.end(), s.coefficients.begin()));
  if (s.options.rule.zoh) return s.stretch->apply(before / (before + piece), u, s.coefficients);
  s.advance(piece / (before + s.options.rule.alpha * piece), u);
}

double HippoMemory::time() const { return state_->time; }

double HippoMemory::oldest() const {
  const State& s = *state_;
  if (s.scales() || s.fades()) return s.start;
  return std::max(s.start, s.time - s.options.theta);
}

std::span<const double> HippoMemory::coefficients() const { return state_->coefficients; }

std::vector<double> HippoMemory::basis(double time) const {
  const State& s = *state_;
  check(time >= oldest() && time <= s.time, "hippo memory: expected a time within [", oldest(),
        ", ", s.time, "], received ", time);
  const double length = s.scales() ? s.time - s.start : s.options.theta;
  const double past = length > 0 ? (s.time - time) / length : 0;
  if (s.fades()) return laguerre(past, s.options.N);
  if (s.options.measure == "fout") return fourier(past, s.options.N);
  if (s.options.measure == "lmu") return legendre(2 * past - 1, s.options.N);
  return orthonormal_legendre(1 - 2 * past, s.options.N);
}

double HippoMemory::weight(double time) const {
  const State& s = *state_;
  if (time > s.time || time < oldest()) return 0;
  if (s.scales()) return 1 / (s.time - s.start);
  const double reach =
      s.fades() ? std::min(4 * static_cast<double>(s.options.N) * s.options.theta, s.time - s.start)
                : s.options.theta;
  return s.time - time <= reach ? 1 / reach : 0;
}

std::vector<double> HippoMemory::reconstruct(std::span<const double> times) const {
  const State& s = *state_;
  std::vector<double> values(times.size() * static_cast<size_t>(s.channels));
  for (size_t i = 0; i < times.size(); ++i) {
    const std::vector<double> functions = basis(times[i]);
    for (int64_t n = 0; n < s.options.N; ++n)
      for (int64_t c = 0; c < s.channels; ++c)
        values[i * s.channels + c] += functions[n] * s.coefficients[n * s.channels + c];
  }
  return values;
}

}  // namespace lw
