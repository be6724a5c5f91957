// Complex values: their parts, and arithmetic.
//
//   complex(re, im)   re + i im          conj(x)    Re x - i Im x
//   real(x), imag(x)  Re x, Im x         abs2(x)    |x|^2
//
// The operators + - * /, unary minus, exp and expm1 of autograd/ops/elementwise.h take complex values too,
// and one complex with one real: the real one's gradient is the real part.
//
// Shapes: broadcasting as in NumPy. dtypes: c64 goes with f32, c128 with f64.
// Gradients: of a real loss L, dL/d(re) + i dL/d(im) (autograd/variable.h). Cost: one pass each
// way. Deterministic.
#pragma once

#include "autograd/variable.h"
#include "kernels/elementwise/elementwise.h"

namespace lw {

Variable complex(const Variable& re, const Variable& im);
Variable real(const Variable& x);
Variable imag(const Variable& x);
Variable conj(const Variable& x);
Variable abs2(const Variable& x);

/// What the functions of elementwise.h do with complex arguments; `name` is theirs.
Variable complex_unary(kernels::Unary op, const char* name, const Variable& x);
Variable complex_binary(kernels::Binary op, const char* name, const Variable& a, const Variable& b);

}  // namespace lw
