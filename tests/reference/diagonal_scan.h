// The recurrence of a diagonal model, step by step in double, to be read beside
// kernels/diagonal_scan/README.md.
#pragma once

#include <vector>

#include "kernels/diagonal_scan/diagonal_scan.h"
#include "tests/reference/discretize.h"

namespace lw::reference {

struct DiagonalScan {
  Tensor y;      ///< f64
  Tensor state;  ///< c128
};

inline DiagonalScan diagonal_scan(const kernels::DiagonalScan& arguments) {
  const DeviceScope on_host(host);
  kernels::DiagonalScan in = arguments;
  for (Tensor* t : {&in.u, &in.A, &in.B, &in.C, &in.state, &in.resets, &in.intervals})
    *t = t->to(host);
  const int64_t batch = in.u.size(0), time = in.u.size(1), H = in.u.size(2), N = in.A.size(1);
  DiagonalScan out{Tensor::zeros(in.u.shape(), DType::f64),
                   Tensor::empty({batch, H, N}, DType::c128)};
  const auto y = out.y.view<double, 3>();
  const auto state = out.state.view<complex128, 3>();
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < H; ++h)
      for (int64_t n = 0; n < N; ++n) {
        const complex128 A = complex_at(in.A, h, n), B = complex_at(in.B, h, n),
                         C = complex_at(in.C, h, n);
        complex128 x = in.state ? complex_at(in.state.select(0, b), h, n) : 0.;
        for (int64_t t = 0; t < time; ++t) {
          if (in.resets && in.resets.at({b, t}) != 0) x = 0;
          const DiscreteElement step = in.intervals
                                           ? discretize(in.method, in.intervals.at({b, t}), A, B)
                                           : DiscreteElement{A, B};
          x = step.Abar * x + step.Bbar * in.u.at({b, t, h});
          y(b, t, h) += (in.conjugate_pairs ? 2 : 1) * (C * x).real();
        }
        state(b, h, n) = x;
      }
  return out;
}

}  // namespace lw::reference
