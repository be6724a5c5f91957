// The recurrence, step by step in double, to be read beside kernels/linear_recurrence/README.md.
#pragma once

#include "kernels/linear_recurrence/linear_recurrence.h"

namespace lw::reference {

/// h, f64.
inline Tensor linear_recurrence(const kernels::LinearRecurrence& arguments) {
  const DeviceScope on_host(host);
  kernels::LinearRecurrence in = arguments;
  for (Tensor* t : {&in.x, &in.a, &in.state, &in.resets}) *t = t->to(host);
  const int64_t batch = in.x.size(0), time = in.x.size(1), width = in.x.size(2);
  const int64_t channels = in.complex ? width / 2 : width;
  Tensor out = Tensor::empty(in.x.shape(), DType::f64);
  const auto h = out.view<double, 3>();
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t c = 0; c < channels; ++c) {
      const auto number = [&](const Tensor& t, auto... before) {
        return complex128(t.at({before..., c}), in.complex ? t.at({before..., channels + c}) : 0);
      };
      complex128 state = in.state ? number(in.state, b) : 0;
      for (int64_t t = 0; t < time; ++t) {
        complex128 a = in.varies() ? number(in.a, b, t) : number(in.a);
        if (in.resets && in.resets.at({b, t}) != 0) a = 0;
        state = a * state + number(in.x, b, t);
        h(b, t, c) = state.real();
        if (in.complex) h(b, t, channels + c) = state.imag();
      }
    }
  return out;
}

}  // namespace lw::reference
