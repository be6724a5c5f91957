// Inverses of square matrices, differentiable.
//
//   X[..., :, :] = M[..., :, :]^{-1}
//
// What discretising a dense state-space model asks for, once a step size; to solve for few right-hand
// sides, multiply by it.
// Shapes: M, X [..., N, N]. dtypes: f32, f64; computed in f64.
// Cost: 2 N^3 operations a matrix, twice that for the gradient, which saves X.
// Deterministic. Errors: a matrix that is not square. That of a singular matrix has elements that
// are not finite.
// Reference: kernels/inverse/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

Variable inverse(const Variable& M);

}  // namespace lw
