// Inverses of square matrices.
//
//   X_i = M_i^{-1}
//
// Shapes: M, X [batch, N, N], pitched or not; X must not be M. dtypes: f32, f64; computed in f64 either
// way, so that X is off by the condition of M times 1e-16, and by its own rounding.
// Cost: 2 N^3 operations a matrix; scratch of N^2 numbers of f64 a matrix that is in work, on a GPU a matrix.
// Deterministic: a matrix is inverted by one task.
// Errors: none; the inverse of a singular matrix has elements that are not finite.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

inline Kernel<void(const Tensor& M, Tensor& X)> inverse{"inverse"};

}  // namespace lw::kernels
