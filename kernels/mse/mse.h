// Squared error.
//
//   loss = 1/divisor sum_i (x[i] - y[i])^2          dx = 2 dloss / divisor (x - y),  dy = -dx
//
// Shapes: x and y are equal, [rows, n], and may be pitched; loss: a scalar. One dtype, f32 or f64.
// Cost: bound by memory. Deterministic: sums of fixed pieces, added in order in fp64.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

inline Kernel<void(const Tensor& x, const Tensor& y, double divisor, Tensor& loss)> mse_forward{
    "mse_forward"};

inline Kernel<void(const Tensor& x, const Tensor& y, double divisor, const Tensor& dloss,
                   Tensor& dx)>
    mse_backward{"mse_backward"};

}  // namespace lw::kernels
