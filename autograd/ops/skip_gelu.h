// skip_gelu: the end of a state-space model's readout y = C h + D u, with the activation behind it, in one pass.
//
//   y = gelu(x + D u),      gelu(v) = v Phi(v), Phi the distribution function of N(0, 1)
//
// Shapes: x, u, y [..., channel], possibly pitched; D [channel]. One dtype, f32 or f64.
// Cost: 12 bytes an element in f32, 20 for the gradients, where three ops take 36 and 52; x and u are kept, and no
// tensor of that size besides.
// Determinism: bits do not depend on threads.
// Errors: shapes and dtypes that disagree, by ShapeCheck.
// Reference: kernels/skip_gelu/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

Variable skip_gelu(const Variable& x, const Variable& D, const Variable& u);

}  // namespace lw
