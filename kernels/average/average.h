// y += w (x - y): a moving average.
//
// Shapes: x and y are contiguous and of one size. f32 or f64, the same for both.
// Cost: reads both, writes y; bound by memory. Deterministic on any number of threads.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

/// `weight`: a number of f64 where x and y are.
inline Kernel<void(const Tensor& x, const Tensor& weight, Tensor& y)> average{"average"};

/// Refuses tensors that do not fit each other.
inline void check_average(const Tensor& x, const Tensor& weight, const Tensor& y) {
  check(x.numel() == y.numel() && x.is_contiguous() && y.is_contiguous(),
        "average: expected contiguous tensors of one size, received ", x, " and ", y);
  check(weight && weight.dtype() == DType::f64 && weight.numel() == 1, "average: the weight is ",
        weight, ", expected one number of f64");
}

}  // namespace lw::kernels
