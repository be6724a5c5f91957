// Complex numbers in CUDA kernels: views of tensors, products, powers. Internal;
// for .cu files.
#pragma once

#include "core/complex_number.h"
#include "core/cuda_launch.h"
#include "kernels/optional_view.h"

namespace lw::kernels {

template <class T>
LW_HOST_DEVICE Complex<double> widen(Complex<T> z) {
  return {static_cast<double>(z.re), static_cast<double>(z.im)};
}
template <class T>
LW_HOST_DEVICE Complex<T> narrow(Complex<double> z) {
  return {static_cast<T>(z.re), static_cast<T>(z.im)};
}

/// sum + a b and sum + conj(a) b, rounded alike wherever they stand.
template <class T>
__device__ Complex<T> add_product(Complex<T> sum, Complex<T> a, Complex<T> b) {
  return {std::fma(a.re, b.re, std::fma(-a.im, b.im, sum.re)),
          std::fma(a.re, b.im, std::fma(a.im, b.re, sum.im))};
}
template <class T>
__device__ Complex<T> add_conj_product(Complex<T> sum, Complex<T> a, Complex<T> b) {
  return add_product(sum, conj(a), b);
}
/// sum + s z
template <class T>
__device__ Complex<T> add_scaled(Complex<T> sum, T s, Complex<T> z) {
  return {std::fma(s, z.re, sum.re), std::fma(s, z.im, sum.im)};
}
/// sum + Re(conj(a) b)
template <class T>
__device__ T add_real_product(T sum, Complex<T> a, Complex<T> b) {
  return std::fma(a.re, b.re, std::fma(a.im, b.im, sum));
}

/// A complex tensor of parts T as a kernel sees it; data is null if it is undefined.
template <class T, int Rank>
View<Complex<T>, Rank> complex_view(const Tensor& tensor) {
  const auto from = optional_view<std::complex<T>, Rank>(tensor);
  View<Complex<T>, Rank> view;
  view.data = reinterpret_cast<Complex<T>*>(from.data);
  for (int i = 0; i < Rank; ++i) view.sizes[i] = from.sizes[i], view.strides[i] = from.strides[i];
  return view;
}

/// z^exponent by squaring; 1 for exponent = 0.
__device__ inline Complex<double> complex_power(Complex<double> z, int64_t exponent) {
  Complex<double> result{1, 0};
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result = result * z;
    z = z * z;
  }
  return result;
}

}  // namespace lw::kernels
