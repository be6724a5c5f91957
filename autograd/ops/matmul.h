// Matrix product.
//
//   y[..., i, j] = sum_l a[..., i, l] b[..., l, j]
//
// Shapes: a [..., m, k], b [..., k, n], y [..., m, n]. Leading axes broadcast as in NumPy. Both may
// be pitched. dtypes: f32, f64, bf16; a and b share one, y has it too (bf16 adds up in fp32).
// Cost: 2 m n k operations for each product, twice that for the gradients.
// Deterministic, gradients included: see kernels/matmul/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

Variable matmul(const Variable& a, const Variable& b);

}  // namespace lw
