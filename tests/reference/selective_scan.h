// The selective scan in fp64, step by step, to be read beside kernels/selective_scan/README.md.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/selective_scan/selective_scan.h"

namespace lw::reference {

using kernels::SelectiveScan;

/// The arguments in fp64 on the host, those left out as zeros; without z the gate is 1.
inline SelectiveScan in_double(const SelectiveScan& s) {
  const auto f64 = [](const Tensor& t, const Shape& shape) {
    return t ? t.to(host).to(DType::f64).contiguous() : Tensor::zeros(shape, DType::f64);
  };
  const Shape bdn{s.u.size(0), s.u.size(2), s.A.size(1)}, d{s.u.size(2)};
  const Shape bt = s.u.shape().without(2);
  return {f64(s.u, {}),
          f64(s.delta, {}),
          f64(s.A, {}),
          f64(s.B, {}),
          f64(s.C, {}),
          f64(s.D, d),
          f64(s.delta_bias, d),
          s.z ? f64(s.z, {}) : Tensor(),
          f64(s.initial_state, bdn),
          s.resets ? s.resets.to(host) : Tensor::zeros(bt, DType::u8),
          s.softplus};
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One channel of one batch row: its step sizes, its states and its output before the gate.
struct Channel {
  std::vector<double> dt, slope, y;           // [time]; slope = d dt / d delta
  std::vector<std::vector<double>> decay, h;  // [time][state], [time + 1][state]: h[t + 1] = h_t

  Channel(const SelectiveScan& s, int64_t b, int64_t d) {
    const auto u = s.u.view<double, 3>(), delta = s.delta.view<double, 3>();
    const auto B = s.B.view<double, 3>(), C = s.C.view<double, 3>();
    const auto A = s.A.view<double, 2>();
    const auto states = s.initial_state.view<double, 3>();
    const auto resets = s.resets.view<uint8_t, 2>();
    const int64_t N = s.A.size(1);
    h.emplace_back();
    for (int64_t n = 0; n < N; ++n) h[0].push_back(states(b, d, n));
    for (int64_t t = 0; t < s.u.size(1); ++t) {
      const double v = delta(b, t, d) + s.delta_bias.data<double>()[d];
      const bool linear = !s.softplus || v > 20;
      dt.push_back(linear ? v : std::log1p(std::exp(v)));
      slope.push_back(linear ? 1 : sigmoid(v));
      y.push_back(s.D.data<double>()[d] * u(b, t, d));
      decay.emplace_back();
      h.emplace_back();
      for (int64_t n = 0; n < N; ++n) {
        const double a = resets(b, t) != 0 ? 0 : std::exp(dt[t] * A(d, n));
        decay[t].push_back(a);
        h[t + 1].push_back(a * h[t][n] + dt[t] * B(b, t, n) * u(b, t, d));
        y[t] += C(b, t, n) * h[t + 1][n];
      }
    }
  }
};

struct ScanValues {
  Tensor y, final_state;
};

inline ScanValues selective_scan(const SelectiveScan& arguments) {
  const DeviceScope on_host(host);
  const SelectiveScan s = in_double(arguments);
  const ScanValues out{Tensor::zeros(s.u.shape(), DType::f64),
                       Tensor::zeros(s.initial_state.shape(), DType::f64)};
  const auto y = out.y.view<double, 3>(), last = out.final_state.view<double, 3>();
  for (int64_t b = 0; b < s.u.size(0); ++b)
    for (int64_t d = 0; d < s.u.size(2); ++d) {
      const Channel channel(s, b, d);
      for (int64_t t = 0; t < s.u.size(1); ++t) {
        const double z = s.z ? s.z.at({b, t, d}) : 0;
        y(b, t, d) = channel.y[t] * (s.z ? z * sigmoid(z) : 1);
      }
      for (int64_t n = 0; n < s.A.size(1); ++n) last(b, d, n) = channel.h.back()[n];
    }
  return out;
}

/// The gradients of all arguments, those left out included (z only if there is one).
inline SelectiveScan selective_scan_gradients(const SelectiveScan& arguments, const Tensor& dy_,
                                              const Tensor& dfinal_state_) {
  const DeviceScope on_host(host);
  const Tensor dy = dy_.to(host), dfinal_state = dfinal_state_.to(host);
  const SelectiveScan s = in_double(arguments);
  const auto zeros = [](const Tensor& t) { return t ? Tensor::zeros_like(t) : t; };
  const SelectiveScan out{zeros(s.u),          zeros(s.delta), zeros(s.A),
                          zeros(s.B),          zeros(s.C),     zeros(s.D),
                          zeros(s.delta_bias), zeros(s.z),     zeros(s.initial_state)};
  const auto u = s.u.view<double, 3>(), du = out.u.view<double, 3>();
  const auto ddelta = out.delta.view<double, 3>();
  const auto A = s.A.view<double, 2>(), dA = out.A.view<double, 2>();
  const auto B = s.B.view<double, 3>(), dB = out.B.view<double, 3>();
  const auto C = s.C.view<double, 3>(), dC = out.C.view<double, 3>();
  const auto dfirst = out.initial_state.view<double, 3>();
  const double* D = s.D.data<double>();
  double *dD = out.D.data<double>(), *dbias = out.delta_bias.data<double>();

  for (int64_t b = 0; b < s.u.size(0); ++b)
    for (int64_t d = 0; d < s.u.size(2); ++d) {
      const Channel x(s, b, d);
      std::vector<double> r(s.A.size(1));
      for (size_t n = 0; n < r.size(); ++n) r[n] = dfinal_state.at({b, d, int64_t(n)});
      for (int64_t t = s.u.size(1) - 1; t >= 0; --t) {
        double g = dy.at({b, t, d}), along_B = 0, along_A = 0;
        if (s.z) {
          const double z = s.z.at({b, t, d}), sigma = sigmoid(z);
          out.z.view<double, 3>()(b, t, d) = g * x.y[t] * sigma * (1 + z * (1 - sigma));
          g *= z * sigma;
        }
        for (size_t n = 0; n < r.size(); ++n) {
          const double q = C(b, t, n) * g + r[n], kept = x.decay[t][n] * x.h[t][n];
          dC(b, t, n) += g * x.h[t + 1][n];
          dB(b, t, n) += q * x.dt[t] * u(b, t, d);
          dA(d, n) += q * x.dt[t] * kept;
          along_B += q * B(b, t, n);
          along_A += q * A(d, n) * kept;
          r[n] = x.decay[t][n] * q;
        }
        du(b, t, d) = D[d] * g + x.dt[t] * along_B;
        ddelta(b, t, d) = (u(b, t, d) * along_B + along_A) * x.slope[t];
        dD[d] += g * u(b, t, d);
        dbias[d] += ddelta(b, t, d);
      }
      for (size_t n = 0; n < r.size(); ++n) dfirst(b, d, n) = r[n];
    }
  return out;
}

}  // namespace lw::reference
