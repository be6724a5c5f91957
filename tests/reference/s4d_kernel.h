// The kernel of a diagonal model as its impulse response, state by state in double, to be read beside
// kernels/s4d_kernel/README.md.
#pragma once

#include <vector>

#include "kernels/s4d_kernel/s4d_kernel.h"
#include "tests/reference/discretize.h"

namespace lw::reference {

/// [channel, time] in f64
inline Tensor s4d_kernel(const kernels::S4dKernel& arguments, int64_t time) {
  const DeviceScope on_host(host);
  kernels::S4dKernel in = arguments;
  for (Tensor* t : {&in.dt, &in.A, &in.B, &in.C}) *t = t->to(host);
  const int64_t H = in.A.size(0), N = in.A.size(1);
  Tensor K = Tensor::zeros({H, time}, DType::f64);
  const auto out = K.view<double, 2>();
  for (int64_t h = 0; h < H; ++h)
    for (int64_t n = 0; n < N; ++n) {
      const auto [Abar, Bbar] = discretize(in.method, in.dt.at({h}), complex_at(in.A, h, n),
                                           in.B ? complex_at(in.B, h, n) : 1.);
      const complex128 C = complex_at(in.C, h, n);
      complex128 x = Bbar;
      for (int64_t t = 0; t < time; ++t, x *= Abar)
        out(h, t) += (in.conjugate_pairs ? 2 : 1) * (C * x).real();
    }
  return K;
}

}  // namespace lw::reference
