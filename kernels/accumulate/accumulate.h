// y += x: how gradients are added up.
//
// Shapes: equal. dtypes: equal, any floating or complex one. Either may be pitched.
// Cost: reads both, writes y; bound by memory. Deterministic.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

inline Kernel<void(const Tensor& x, Tensor& y)> accumulate{"accumulate"};

/// What every device refuses.
inline void check_accumulate(const Tensor& x, const Tensor& y) {
  check(x.shape() == y.shape() && x.dtype() == y.dtype(), "accumulate: expected ", y, ", received ",
        x);
  check(is_floating(x.dtype()) || is_complex(x.dtype()), "accumulate: no gradient has dtype ",
        x.dtype());
}

}  // namespace lw::kernels
