// Linear map.
//
//   y[..., j] = sum_i x[..., i] weight[j, i] + bias[j]
//
// Shapes: x [..., in], weight [out, in], bias [out] or undefined, y [..., out]. x may be pitched,
// as a part of a split is, and is not copied where its rows are equally spaced.
// dtypes: f32 or f64, one for all arguments. Under Autocast(DType::bf16) the products are of bf16
// values with fp32 sums, see autograd/precision.h; weight, bias, y and their gradients remain fp32,
// and x may be f32 or bf16 (its gradient has its dtype). A weight stored for inference, in bf16 or
// as int8 rows (kernels/quantize), is taken where nothing is differentiated; x is not rounded then.
// Cost: 2 rows in out operations, twice that for the gradients. The bias costs no pass of its own.
// Where nothing is differentiated, few rows cost one stream over the weight (kernels/matvec).
// Deterministic, gradients included: see kernels/matmul/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

Variable linear(const Variable& x, const Variable& weight, const Variable& bias = {});

}  // namespace lw
