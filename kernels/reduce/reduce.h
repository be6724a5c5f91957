// Sums and maxima over axes.
//
//   sum           y = scale sum_axes x
//   max           y = max_axes x
//   max_backward  dx = dy at the first maximum in row-major order, 0 elsewhere
//
// Shapes: y has size 1 on the axes that are reduced and the size of x on the others.
// dtypes: f32, f64, bf16; sum also c64, c128. x may be pitched; y and dx are contiguous.
// Cost: reads x once. Sums are accumulated in f64 whatever the dtype, so that the error of a sum is
// that of its rounding; sums of f64 are kept in several lanes and blocks.
// Deterministic: x is cut into blocks that depend on its shape alone, and the partial results of
// blocks are combined in order. A maximum with NaN among its arguments is NaN.
#pragma once

#include <array>

#include "core/kernel.h"

namespace lw::kernels {

/// Whether each axis is reduced.
using Axes = std::array<bool, Shape::max_rank>;

inline Kernel<void(const Tensor& x, const Axes& axes, double scale, Tensor& y)> sum{"sum"};
inline Kernel<void(const Tensor& x, const Axes& axes, Tensor& y)> max{"max"};
inline Kernel<void(const Tensor& x, const Axes& axes, const Tensor& y, const Tensor& dy,
                   Tensor& dx)>
    max_backward{"max_backward"};

}  // namespace lw::kernels
