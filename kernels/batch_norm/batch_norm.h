// Batch norm: every channel normalised by its mean and variance over all rows (batch and time).
//
//   y[i, c] = (x[i, c] - mean[c]) rstd[c] weight[c] + bias[c],   rstd = (variance + epsilon)^-1/2
//
// Shapes: x, y [rows, channels]; mean, variance, weight, bias [channels]. One dtype, f32 or f64; x
// and y may be pitched.
// Cost: statistics read x twice, the forward pass once, the backward pass reads x and dy twice.
// Deterministic: sums over rows are taken in fixed chunks, added in a fixed order.
// Gradient derived in README.md. Ioffe & Szegedy 2015, arXiv:1502.03167.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct BatchNorm {
  Tensor x, mean, variance, weight, bias;
  double epsilon = 1e-5;
};

struct BatchNormGradient {
  Tensor dx, dweight, dbias;
};

/// The mean and the (biased) variance of every column. x has at least one row.
inline Kernel<void(const Tensor& x, Tensor& mean, Tensor& variance)> batch_statistics{
    "batch_statistics"};

/// average <- (1 - momentum) average + momentum scale value
inline Kernel<void(const Tensor& value, double scale, double momentum, Tensor& average)>
    running_average{"running_average"};

inline Kernel<void(const BatchNorm& in, Tensor& y)> batch_norm_forward{"batch_norm_forward"};

/// With `through_statistics`, mean and variance are those of x and carry gradient to it; without,
/// they are constants.
inline Kernel<void(const BatchNorm& in, const Tensor& dy, bool through_statistics,
                   BatchNormGradient& gradient)>
    batch_norm_backward{"batch_norm_backward"};

}  // namespace lw::kernels
