// Complex arithmetic of each element, with broadcasting.
//
//   complex_binary   y = a + b, a - b, a b, a / b   (b conjugated on request), or a + i b
//   complex_unary    y = -x, conj x, e^x, e^x - 1, Re x, Im x, |x|^2
//
// Shapes: a and b broadcast to y as in NumPy; x has the shape of y.
// dtypes: each tensor complex (c64, c128) or the real type of the same precision, which is a number
// with imaginary part 0; what is written to a real y is the real part.
// Cost: one pass. Deterministic. The gradients are these same functions: see README.md.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct ComplexBinary {
  enum Op { add, sub, mul, div, join } op;  ///< join: a + i b
  bool conjugate_b = false;
};
inline Kernel<void(const ComplexBinary& f, const Tensor& a, const Tensor& b, Tensor& y)>
    complex_binary{"complex_binary"};

enum class ComplexUnary { neg, conj, exp, expm1, real, imag, abs2 };
inline Kernel<void(ComplexUnary f, const Tensor& x, Tensor& y)> complex_unary{"complex_unary"};

}  // namespace lw::kernels
