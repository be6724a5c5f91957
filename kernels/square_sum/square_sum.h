// The sum of the squares of all elements, in double.
//
// x is contiguous, f32 or f64. The sum is finite exactly if every element of x is (in f64: if every
// element is below 1e154). Cost: reads x; bound by memory, and on a GPU the host waits for it. Deterministic
// on any number of threads.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

inline Kernel<void(const Tensor& x, double& sum)> square_sum{"square_sum"};

/// Refuses a tensor with gaps.
inline void check_square_sum(const Tensor& x) {
  check(x.is_contiguous(), "square_sum: expected a contiguous tensor, received ", x);
}

}  // namespace lw::kernels
