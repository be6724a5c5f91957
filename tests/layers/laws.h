// What tests of several layers expect: the laws that `longwave check layer` prints, the roles of the
// parameters of a state-space model, and what it means to read both ways.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "apps/check_layer.h"
#include "apps/layer_subject.h"
#include "layers/dynamics.h"
#include "tests/compare.h"
#include "tests/roundings.h"

namespace lw {

inline void expect_laws(const std::string& kind, const std::string& options = "") {
  for (const LawResult& result : check_layer(kind, options))
    EXPECT_LE(result.error, testing::roundings() * result.tolerance)
        << result.layer << ": " << result.property;
}

inline Parameter parameter_of(const Layer& layer, const std::string& name) {
  for (const Parameter& p : layer.parameters())
    if (p.name == name) return p;
  throw Error("no parameter " + name);
}

inline Tensor value_of(const Layer& layer, const std::string& name) {
  return parameter_of(layer, name).value.value();
}

/// The roles by which step sizes and state matrices learn slowly; `C` is the name of the readout.
inline void expect_roles_of_dynamics(const Layer& layer, const std::string& C) {
  EXPECT_EQ(parameter_of(layer, "log_dt").role, Role::ssm_dt);
  EXPECT_EQ(parameter_of(layer, "log_A_real").role, Role::ssm_a);
  EXPECT_EQ(parameter_of(layer, "A_imag").role, Role::ssm_a);
  EXPECT_EQ(parameter_of(layer, C).role, Role::ssm_c);
  EXPECT_EQ(parameter_of(layer, "D").role, Role::ssm_d);
}

/// A bidirectional layer of 4 channels sees the future, and refuses a state in the name of `kind`.
inline void expect_bidirectional(const SequenceLayer& layer, const std::string& kind) {
  const NoGrad no_grad;
  EXPECT_FALSE(layer.causal());
  const Tensor x = Random(2).normal({1, 20, 4});
  Tensor changed = x.clone();
  changed.slice(1, 19, 20).fill(5);
  EXPECT_NE(layer(x).value().at({0, 3, 0}), layer(changed).value().at({0, 3, 0}));
  EXPECT_EQ(testing::error_of([&] { layer.forward(x, {}, {.keep_state = true}); }),
            kind + ": a bidirectional layer reads whole sequences; it takes and gives no state");
}

/// A slow signal, sampled every second time, gives every second output, if the layer is told. Each sample is held for the
/// time until the next, and so taken in the middle of it. D reads that middle itself, which is half a step later at half the
/// rate: 1 % of this signal; without D only the curvature of the signal within a step is left.
inline void expect_rate(const std::string& kind, const std::string& options = "") {
  const NoGrad no_grad;
  const Subject subject(layer_of(kind, "dt_max: 1e-2" + (options.empty() ? "" : ", " + options)),
                        DType::f64);
  const int64_t time = 400, channels = Subject::width;
  const auto signal = [&](int64_t steps, double step) {
    Tensor x = Tensor::empty({1, steps, channels}, DType::f64, host);
    for (int64_t i = 0; i < x.numel(); ++i)
      x.data<double>()[i] = 1 - std::cos((0.01 + 0.001 * static_cast<double>(i % channels)) * step *
                                         (static_cast<double>(i / channels) + 0.5));
    return x.to(default_device());
  };
  const auto error = [&] {
    const Tensor fine = subject.run(signal(time, 1)).y.value(),
                 coarse = subject.run(signal(time / 2, 2), {}, {.rate = 0.5}).y.value();
    Tensor every_second = Tensor::empty(coarse.shape(), DType::f64);
    for (int64_t t = 0; t < time / 2; ++t)
      every_second.slice(1, t, t + 1).copy_from(fine.slice(1, 2 * t + 1, 2 * t + 2));
    return distance(every_second, coarse);
  };
  EXPECT_LE(error(), 1e-2) << kind;
  value_of(subject.layer(), "D").fill(0);
  EXPECT_LE(error(), 1e-3) << kind << " without D";
}

/// The kernel that `dynamics` gives is that of poles inside the unit circle, as many as the state has.
inline void expect_dynamics(const TimeInvariant& layer, int64_t channels, int64_t poles) {
  const Dynamics dynamics = layer.dynamics(40);
  EXPECT_EQ(dynamics.kernel.shape(), (Shape{40, channels}));
  EXPECT_EQ(static_cast<int64_t>(dynamics.step_sizes.size()), channels);
  EXPECT_GE(static_cast<int64_t>(dynamics.poles.size()), poles);
  for (const complex128 pole : dynamics.poles) {
    EXPECT_LT(std::abs(pole), 1);
    EXPECT_GE(pole.imag(), 0);
  }
}

/// A layer of N states that starts from HiPPO-LegS, whose eigenvalues are -1, ..., -N, and samples it by the bilinear rule
/// has the poles (1 - z) / (1 + z), z = dt n / 2: all of them, each to `tolerance` z.
inline void expect_poles_of_legs(const TimeInvariant& layer, int64_t N, double tolerance) {
  Dynamics dynamics = layer.dynamics(20);
  const auto channels = static_cast<int64_t>(dynamics.step_sizes.size());
  ASSERT_EQ(static_cast<int64_t>(dynamics.poles.size()), channels * N);
  for (int64_t h = 0; h < channels; ++h) {
    const auto poles = dynamics.poles.begin() + N * h;
    std::sort(poles, poles + N, [](auto a, auto b) { return a.real() > b.real(); });
    for (int64_t n = 0; n < N; ++n) {
      const double z = dynamics.step_sizes[static_cast<size_t>(h)] * static_cast<double>(n + 1) / 2;
      EXPECT_LE(std::abs(poles[n] - (1 - z) / (1 + z)), tolerance * z) << N << ' ' << n;
    }
  }
}

/// Of 4 channels and n_ssm = 2: `names` have two rows; a layer with another n_ssm is refused.
inline void expect_shared_systems(const SequenceLayer& layer, const std::string& kind,
                                  const std::vector<std::string>& names) {
  for (const std::string& name : names) EXPECT_EQ(value_of(layer, name).size(-2), 2) << name;
  EXPECT_EQ(testing::error_of([&] { Subject(layer_of(kind, "n_ssm: 4"), DType::f32); }),
            kind + ": n_ssm is 4, which does not divide d_model = 6");
}

}  // namespace lw
