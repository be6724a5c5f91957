// The kernel of a diagonal plus low-rank model as its impulse response, by the dense recurrence.
#pragma once

#include "kernels/s4_kernel/s4_kernel.h"
#include "tests/reference/dplr.h"

namespace lw::reference {

inline kernels::S4Kernel on_host(kernels::S4Kernel in) {
  for (Tensor* t : {&in.dt, &in.lambda, &in.P, &in.B, &in.Ct}) *t = t->to(host);
  return in;
}

/// C (I - Abar^length), in c128.
inline Tensor truncated_readout(const kernels::S4Kernel& arguments, const Tensor& readout) {
  const kernels::S4Kernel in = on_host(arguments);
  const Tensor C = readout.to(host);
  const int64_t H = C.size(0), N = C.size(1);
  Tensor Ct = Tensor::empty({H, N}, DType::c128, host);
  for (int64_t h = 0; h < H; ++h) {
    const Dplr model(in.dt, in.lambda, in.P, in.B, h);
    auto row = with_conjugates(row_of(C, h));
    for (int64_t l = 0; l < in.length; ++l) row = model.advance_row(row);
    for (int64_t n = 0; n < N; ++n)
      Ct.view<complex128, 2>()(h, n) = complex_at(C, h, n) - row[static_cast<size_t>(n)];
  }
  return Ct.to(default_device());
}

/// [channel, time] in f64; C is the plain readout.
inline Tensor s4_kernel(const kernels::S4Kernel& arguments, const Tensor& readout, int64_t time) {
  const kernels::S4Kernel in = on_host(arguments);
  const Tensor C = readout.to(host);
  const int64_t H = C.size(0);
  Tensor K = Tensor::empty({H, time}, DType::f64, host);
  for (int64_t h = 0; h < H; ++h) {
    const Dplr model(in.dt, in.lambda, in.P, in.B, h);
    const auto c = with_conjugates(row_of(C, h));
    std::vector<complex128> x = model.Bbar;
    for (int64_t l = 0; l < time; ++l, x = model.advance(x, 0))
      K.view<double, 2>()(h, l) = inner(c, x).real();
  }
  return K;
}

}  // namespace lw::reference
