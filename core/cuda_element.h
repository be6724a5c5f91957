// Element types inside CUDA kernels. Internal; for .cu files.
//
// A device cannot compute with std::complex; Complex<T> has its layout. Other dtypes are themselves.
#pragma once

#include "core/complex_number.h"
#include "core/dtype.h"

namespace lw::cuda {

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
