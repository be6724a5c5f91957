// Arguments of diagonal_scan, and what its tests do with them.
#pragma once

#include "autograd/ops/diagonal_scan.h"
#include "autograd/ops/discretize.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/diagonal_scan.h"

namespace lw::testing {

struct ScanCase {
  int64_t batch, time, channels, states;
};

inline std::string str_of(const ScanCase& c) {
  return str(c.batch, " ", c.time, " ", c.channels, " ", c.states);
}

/// A discrete system of modes that decay, and noise.
inline kernels::DiagonalScan scan_arguments(const ScanCase& c, DType dtype) {
  const Tensor A = reference::stable_poles(c.channels, c.states, dtype, 1);
  const auto [Abar, Bbar] = discretize(reference::steps(c.channels, dtype), A);
  return {Random(2).normal({c.batch, c.time, c.channels}, 0, 1, dtype), Abar.value(), Bbar.value(),
          reference::complex_noise({c.channels, c.states}, dtype, 3)};
}

inline Tensor initial_state(const ScanCase& c, DType dtype) {
  return reference::complex_noise({c.batch, c.channels, c.states}, dtype, 4);
}

inline DiagonalScanResult scan(const kernels::DiagonalScan& in) {
  return diagonal_scan(in.u, in.A, in.B, in.C,
                       {.state = in.state ? Variable(in.state) : Variable(),
                        .resets = in.resets,
                        .conjugate_pairs = in.conjugate_pairs,
                        .intervals = in.intervals,
                        .method = in.method});
}

/// Real and imaginary parts, one after another.
inline Tensor parts(const Tensor& z) {
  const Tensor wide = z.to(host).to(DType::c128).contiguous();
  Tensor result = Tensor::empty(z.shape().inserted(z.rank(), 2), DType::f64, host);
  std::memcpy(result.raw(), wide.raw(), static_cast<size_t>(wide.bytes()));
  return result;
}

}  // namespace lw::testing
