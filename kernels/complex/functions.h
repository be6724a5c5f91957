// The functions of complex.h for one element, and what every device refuses. Internal.
#pragma once

#include "core/complex_number.h"
#include "kernels/complex/complex.h"

namespace lw::kernels {

template <class T>
LW_HOST_DEVICE Complex<T> apply(const ComplexBinary& f, Complex<T> a, Complex<T> b) {
  if (f.conjugate_b) b = conj(b);
  switch (f.op) {
    case ComplexBinary::add:
      return {a.re + b.re, a.im + b.im};
    case ComplexBinary::sub:
      return {a.re - b.re, a.im - b.im};
    case ComplexBinary::mul:
      return a * b;
    case ComplexBinary::div:
      return a / b;
    case ComplexBinary::join:
      return {a.re, b.re};
  }
  return {};
}

template <class T>
LW_HOST_DEVICE Complex<T> apply(ComplexUnary f, Complex<T> x) {
  switch (f) {
    case ComplexUnary::neg:
      return {-x.re, -x.im};
    case ComplexUnary::conj:
      return conj(x);
    case ComplexUnary::exp:
      return exp(x);
    case ComplexUnary::expm1:
      return expm1(x);
    case ComplexUnary::real:
      return {x.re, 0};
    case ComplexUnary::imag:
      return {x.im, 0};
    case ComplexUnary::abs2:
      return {x.re * x.re + x.im * x.im, 0};
  }
  return {};
}

inline void check_complex_binary(const Tensor& a, const Tensor& b, const Tensor& y) {
  const Shape shape = broadcast("complex_binary", a.shape(), b.shape());
  const DType dtype = real_of(y.dtype());
  check(broadcast("complex_binary", shape, y.shape()) == y.shape() && real_of(a.dtype()) == dtype &&
            real_of(b.dtype()) == dtype,
        "complex_binary: ", a, " and ", b, " into ", y);
}

inline void check_complex_unary(const Tensor& x, const Tensor& y) {
  check(x.shape() == y.shape() && real_of(x.dtype()) == real_of(y.dtype()), "complex_unary: ", x,
        " into ", y);
}

}  // namespace lw::kernels
