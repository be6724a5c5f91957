// The recurrence of a diagonal plus low-rank model with its dense matrix, in double.
#pragma once

#include "kernels/dplr_scan/dplr_scan.h"
#include "tests/reference/dplr.h"

namespace lw::reference {

struct DplrScan {
  Tensor y;      ///< f64
  Tensor state;  ///< c128, the kept half
};

inline DplrScan dplr_scan(const kernels::DplrScan& arguments) {
  const DeviceScope on_host(host);
  kernels::DplrScan in = arguments;
  for (Tensor* t :
       {&in.u, &in.dt, &in.lambda, &in.P, &in.B, &in.C, &in.state, &in.resets, &in.intervals})
    *t = t->to(host);
  const int64_t batch = in.u.size(0), time = in.u.size(1), H = in.u.size(2), N = in.lambda.size(1);
  DplrScan out{Tensor::empty(in.u.shape(), DType::f64), Tensor::empty({batch, H, N}, DType::c128)};
  const auto y = out.y.view<double, 3>();
  for (int64_t h = 0; h < H; ++h) {
    const Dplr regular(in.dt, in.lambda, in.P, in.B, h);
    const auto C = with_conjugates(row_of(in.C, h));
    const std::vector<complex128> zero(C.size());
    for (int64_t b = 0; b < batch; ++b) {
      auto x = in.state ? with_conjugates(row_of(in.state.select(0, b), h)) : zero;
      for (int64_t t = 0; t < time; ++t) {
        if (in.resets && in.resets.at({b, t}) != 0) x = zero;
        if (in.intervals) {
          const Tensor dt = Tensor::from(
              {H},
              std::vector<double>(static_cast<size_t>(H), in.dt.at({h}) * in.intervals.at({b, t})));
          x = Dplr(dt, in.lambda, in.P, in.B, h).advance(x, in.u.at({b, t, h}));
        } else {
          x = regular.advance(x, in.u.at({b, t, h}));
        }
        y(b, t, h) = inner(C, x).real();
      }
      std::copy_n(x.begin(), N, &out.state.view<complex128, 3>()(b, h, 0));
    }
  }
  return out;
}

}  // namespace lw::reference
