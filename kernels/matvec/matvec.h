// matvec: a few rows through a linear map, at the speed at which memory delivers the weights.
//
//   y[r, j] = sum_i w[j, i] x[r, i] + bias[j]
//
// Shapes: x [rows, in], weight [out, in], bias [out] or undefined, y [rows, out]; all may be pitched.
// dtypes: x, bias and y f32 or f64, the weights of the same dtype; or x, bias and y f32, and the
// weights in bf16 or as int8 rows (kernels/quantize), which become f32 on the way to the registers.
// Cost: reads the weights once for every matvec_rows rows of x, and 2 rows in out operations.
// Deterministic: an element of y is one chain of roundings that depends on `in` alone, so its bits
// depend neither on the number of threads nor on the other rows of x.
// Errors: shapes or dtypes that do not fit are refused, naming all of them.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

/// Rows of x for which a stream over the weights is worth more than a matrix product.
inline constexpr int64_t matvec_rows = 4;

inline Kernel<void(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y)> matvec{
    "matvec"};

/// Refuses arguments that do not fit.
void check_matvec(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y);

}  // namespace lw::kernels
