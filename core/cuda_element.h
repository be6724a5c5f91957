// Element types inside CUDA kernels. Internal; for .cu files.
//
// A device cannot compute with std::complex; Complex<T> has its layout. Other dtypes are themselves.
#pragma once

#include "core/dtype.h"

namespace lw::cuda {

template <class T>
struct Complex {
  T re, im;
};
template <class T>
LW_HOST_DEVICE Complex<T> operator+(Complex<T> a, Complex<T> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class T>
LW_HOST_DEVICE Complex<T> operator-(Complex<T> a, Complex<T> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class T>
LW_HOST_DEVICE Complex<T> operator-(Complex<T> a) {
  return {-a.re, -a.im};
}
template <class T>
LW_HOST_DEVICE Complex<T> operator*(Complex<T> a, Complex<T> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class T>
LW_HOST_DEVICE Complex<T> operator*(T a, Complex<T> b) {
  return {a * b.re, a * b.im};
}
template <class T>
LW_HOST_DEVICE Complex<T>& operator+=(Complex<T>& a, Complex<T> b) {
  return a = a + b;
}
template <class T>
LW_HOST_DEVICE Complex<T> conj(Complex<T> a) {
  return {a.re, -a.im};
}
/// |a|^2
template <class T>
LW_HOST_DEVICE T norm(Complex<T> a) {
  return a.re * a.re + a.im * a.im;
}
/// Scaled, so that nothing overflows that the quotient does not (Smith 1962).
template <class T>
LW_HOST_DEVICE Complex<T> operator/(Complex<T> a, Complex<T> b) {
  const T re = b.re < 0 ? -b.re : b.re, im = b.im < 0 ? -b.im : b.im;
  if (re >= im) {
    const T ratio = b.im / b.re, scale = 1 / (b.re + b.im * ratio);
    return {(a.re + a.im * ratio) * scale, (a.im - a.re * ratio) * scale};
  }
  const T ratio = b.re / b.im, scale = 1 / (b.re * ratio + b.im);
  return {(a.re * ratio + a.im) * scale, (a.im * ratio - a.re) * scale};
}

namespace detail {
template <class T>
struct ElementOf {
  using type = T;
};
template <class T>
struct ElementOf<std::complex<T>> {
  using type = Complex<T>;
};
}  // namespace detail

/// How the elements of a tensor of T look to a kernel: Complex<float> for complex64, else T.
template <class T>
using Element = typename detail::ElementOf<T>::type;

template <class T>
inline constexpr bool is_complex_element = false;
template <class T>
inline constexpr bool is_complex_element<Complex<T>> = true;

/// From one element type to another, as lw::convert does on the host.
template <class To, class From>
LW_HOST_DEVICE To convert_element(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (is_complex_element<From> && is_complex_element<To>) {
    using R = decltype(To::re);
    return {static_cast<R>(x.re), static_cast<R>(x.im)};
  } else if constexpr (is_complex_element<From>) {
    return convert_element<To>(x.re);
  } else if constexpr (is_complex_element<To>) {
    return {convert_element<decltype(To::re)>(x), 0};
  } else if constexpr (std::is_same_v<From, bfloat16>) {
    return static_cast<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bfloat16>) {
    return bfloat16(static_cast<float>(x));
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace lw::cuda
