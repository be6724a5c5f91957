// Complex: a complex number with the layout of std::complex. Internal.
//
// A GPU cannot compute with std::complex; and on a CPU its product checks for infinities, which costs
// more than the textbook's four multiplications, which are what is done here.
#pragma once

#include <cmath>

#include "core/host_device.h"

namespace lw {

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
/// e^a
template <class T>
LW_HOST_DEVICE Complex<T> exp(Complex<T> a) {
  const T size = std::exp(a.re);
  return {size * std::cos(a.im), size * std::sin(a.im)};
}
/// e^a - 1, without cancellation where e^a is near 1
template <class T>
LW_HOST_DEVICE Complex<T> expm1(Complex<T> a) {
  const T sine = std::sin(a.im / 2);
  return {std::expm1(a.re) * std::cos(a.im) - 2 * sine * sine, std::exp(a.re) * std::sin(a.im)};
}
/// Smith's division: scaled by the larger part of b, so that b b* does not overflow.
template <class T>
LW_HOST_DEVICE Complex<T> operator/(Complex<T> a, Complex<T> b) {
  const T re = b.re < 0 ? -b.re : b.re, im = b.im < 0 ? -b.im : b.im;
  if (re >= im) {
    const T ratio = b.im / b.re, scale = b.re + b.im * ratio;
    return {(a.re + a.im * ratio) / scale, (a.im - a.re * ratio) / scale};
  }
  const T ratio = b.re / b.im, scale = b.re * ratio + b.im;
  return {(a.re * ratio + a.im) / scale, (a.im * ratio - a.re) / scale};
}

}  // namespace lw
