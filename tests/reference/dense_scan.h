// The recurrence of a dense state-space model, a step at a time, in double.
#pragma once

#include "kernels/dense_scan/dense_scan.h"

namespace lw::reference {

struct DenseScan {
  Tensor y, state;  ///< f64
};

inline DenseScan dense_scan(const kernels::DenseScan& arguments) {
  const DeviceScope on_host(host);
  kernels::DenseScan in = arguments;
  for (Tensor* t : {&in.u, &in.A, &in.B, &in.C, &in.state})
    if (*t) *t = t->to(host).to(DType::f64);
  if (in.resets) in.resets = in.resets.to(host);
  const kernels::DenseScanTerms<double> p(in);
  DenseScan out{Tensor::empty({p.batch, p.time, p.channels, p.outputs}, DType::f64),
                Tensor::empty({p.batch, p.channels, p.N}, DType::f64)};
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t h = 0; h < p.channels; ++h) {
      std::vector<double> x(static_cast<size_t>(p.N));
      if (p.state.data) std::copy_n(&p.state(b, h, 0), p.N, x.begin());
      for (int64_t t = 0; t < p.time; ++t) {
        if (p.resets.data && p.resets(b, t)) std::fill(x.begin(), x.end(), 0);
        std::vector<double> next;
        for (int64_t i = 0; i < p.N; ++i) {
          next.push_back(p.B(h, i) * p.u(b, t, h));
          for (int64_t j = 0; j < p.N; ++j) next.back() += p.A(h, i, j) * x[static_cast<size_t>(j)];
        }
        x = next;
        for (int64_t m = 0; m < p.outputs; ++m) {
          double y = 0;
          for (int64_t n = 0; n < p.N; ++n) y += p.C(h, m, n) * x[static_cast<size_t>(n)];
          out.y.view<double, 4>()(b, t, h, m) = y;
        }
      }
      std::copy(x.begin(), x.end(), &out.state.view<double, 3>()(b, h, 0));
    }
  return out;
}

}  // namespace lw::reference
