// Functions of each element, with broadcasting, and the arithmetic operators.
//
//   add(a, b), a + b        a + b              abs         |x|
//   sub(a, b), a - b        a - b              square      x^2
//   mul(a, b), a * b        a b                sqrt        x^(1/2)
//   div(a, b), a / b        a / b              rsqrt       x^(-1/2)
//   maximum(a, b)           max(a, b)          reciprocal  1 / x
//   minimum(a, b)           min(a, b)          exp, expm1  e^x, e^x - 1
//   neg(x), -x              -x                 log, log1p  ln x, ln(1 + x)
//   clamp(x, low, high)     max(low, min(x, high))
//   pow(x, p)               x^p                sin, cos, tanh
//   sigmoid                 1 / (1 + e^-x)     relu        max(x, 0)
//   silu                    x sigmoid(x)       softplus    ln(1 + e^x), x itself above 20
//   gelu                    x Phi(x), Phi the distribution function of N(0, 1)
//   gelu_tanh               its approximation  x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
//
// Shapes: of two arguments that broadcast as in NumPy, axes aligned at the right; the gradient of
// an argument is summed over the axes along which it was repeated.
// dtypes: f32, f64 and bf16, computed in f32; both arguments have one. add, sub, mul, div, neg,
// exp and expm1 are complex if an argument is (autograd/ops/complex.h).
// Cost: one pass over memory each way; a function keeps its argument or its value for the gradient,
// whichever is enough. Deterministic. Errors: shapes that do not broadcast, dtypes that differ.
#pragma once

#include "autograd/variable.h"
#include "kernels/elementwise/elementwise.h"

namespace lw {

#define LW_DECLARE(name, Struct) Variable name(const Variable& x);
LW_UNARY_OPS(LW_DECLARE)
#undef LW_DECLARE

#define LW_DECLARE(name, Struct) Variable name(const Variable& a, const Variable& b);
LW_BINARY_OPS(LW_DECLARE)
#undef LW_DECLARE

Variable clamp(const Variable& x, double low, double high);
Variable pow(const Variable& x, double exponent);

inline Variable operator-(const Variable& x) { return neg(x); }
inline Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
inline Variable operator-(const Variable& a, const Variable& b) { return sub(a, b); }
inline Variable operator*(const Variable& a, const Variable& b) { return mul(a, b); }
inline Variable operator/(const Variable& a, const Variable& b) { return div(a, b); }

/// A number as a constant of the dtype and device of `like`.
inline Variable constant(double number, const Variable& like) {
  return Tensor::scalar(number, like.dtype(), like.device());
}
inline Variable operator+(const Variable& a, double b) { return add(a, constant(b, a)); }
inline Variable operator-(const Variable& a, double b) { return sub(a, constant(b, a)); }
inline Variable operator*(const Variable& a, double b) { return mul(a, constant(b, a)); }
inline Variable operator/(const Variable& a, double b) { return div(a, constant(b, a)); }
inline Variable operator+(double a, const Variable& b) { return add(constant(a, b), b); }
inline Variable operator-(double a, const Variable& b) { return sub(constant(a, b), b); }
inline Variable operator*(double a, const Variable& b) { return mul(constant(a, b), b); }
inline Variable operator/(double a, const Variable& b) { return div(constant(a, b), b); }

/// `gradient` summed over the axes that broadcasting added to, or repeated in, a value of `shape`.
/// For the gradients of ops that broadcast.
Tensor sum_to(const Tensor& gradient, const Shape& shape);

}  // namespace lw
