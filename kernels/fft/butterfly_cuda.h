// Butterflies: the small transforms that a Fourier transform is made of, in the registers of a CUDA
// thread. Internal; for .cu files.
#pragma once

#include "core/complex_number.h"
#include "core/cuda_launch.h"

namespace lw::kernels {

/// a - i b, or a + i b where kPlus
template <bool kPlus, class T>
__device__ Complex<T> add_turned(Complex<T> a, Complex<T> b) {
  if constexpr (kPlus) return {a.re - b.im, a.im + b.re};
  return {a.re + b.im, a.im - b.re};
}

/// a_p <- sum_q a_q e^{-+ 2 pi i p q / R}: minus forward, plus inverse.
template <int R, bool kInverse, class T>
__device__ void butterfly(Complex<T> (&a)[R]) {
  using Z = Complex<T>;
  if constexpr (R == 2) {
    const Z sum = a[0] + a[1];
    a[1] = a[0] - a[1];
    a[0] = sum;
  } else if constexpr (R == 3) {
    constexpr T half(0.5), sine(0.86602540378443864676);  // sin 60
    const Z sum = a[1] + a[2], turned = sine * (a[1] - a[2]), middle = a[0] - half * sum;
    a[0] = a[0] + sum;
    a[1] = add_turned<kInverse>(middle, turned);
    a[2] = add_turned<!kInverse>(middle, turned);
  } else if constexpr (R == 4) {
    const Z even = a[0] + a[2], even_odd = a[0] - a[2];
    const Z odd = a[1] + a[3], odd_odd = a[1] - a[3];
    a[0] = even + odd;
    a[1] = add_turned<kInverse>(even_odd, odd_odd);
    a[2] = even - odd;
    a[3] = add_turned<!kInverse>(even_odd, odd_odd);
  } else if constexpr (R == 5) {
    constexpr T cos1(0.30901699437494742410), cos2(-0.80901699437494742410);  // cos 72, cos 144
    constexpr T sin1(0.95105651629515357212), sin2(0.58778525229247312917);   // sin 72, sin 144
    const Z outer = a[1] + a[4], outer_difference = a[1] - a[4];
    const Z inner = a[2] + a[3], inner_difference = a[2] - a[3];
    const Z even1 = a[0] + cos1 * outer + cos2 * inner;
    const Z even2 = a[0] + cos2 * outer + cos1 * inner;
    const Z odd1 = sin1 * outer_difference + sin2 * inner_difference;
    const Z odd2 = sin2 * outer_difference - sin1 * inner_difference;
    a[0] = a[0] + outer + inner;
    a[1] = add_turned<kInverse>(even1, odd1);
    a[2] = add_turned<kInverse>(even2, odd2);
    a[3] = add_turned<!kInverse>(even2, odd2);
    a[4] = add_turned<!kInverse>(even1, odd1);
  } else if constexpr (R == 8) {
    Z even[4] = {a[0], a[2], a[4], a[6]}, odd[4] = {a[1], a[3], a[5], a[7]};
    butterfly<4, kInverse>(even);
    butterfly<4, kInverse>(odd);
    constexpr T root(0.70710678118654752440);             // sqrt(1/2)
    const Z odd1 = add_turned<kInverse>(odd[1], odd[1]);  // sqrt(2) e^{-+ i pi/4}
    const Z turned3 = root * add_turned<kInverse>(odd[3], odd[3]);
    a[0] = even[0] + odd[0];
    a[1] = even[1] + root * odd1;
    a[2] = add_turned<kInverse>(even[2], odd[2]);
    a[3] = add_turned<kInverse>(even[3], turned3);
    a[4] = even[0] - odd[0];
    a[5] = even[1] - root * odd1;
    a[6] = add_turned<!kInverse>(even[2], odd[2]);
    a[7] = add_turned<!kInverse>(even[3], turned3);
  }
}

/// Column j of a stage: the R points that lie `columns` apart, through their butterfly. `twiddles`
/// holds the factors of the column; null where all are 1. load(q) and store(q, z) reach the points.
template <int R, bool kInverse, class T, class Load, class Store>
__device__ void fft_column(const Complex<T>* twiddles, const Load& load, const Store& store) {
  Complex<T> a[R];
#pragma unroll
  for (int q = 0; q < R; ++q) a[q] = load(q);
  if (kInverse && twiddles) {
#pragma unroll
    for (int q = 1; q < R; ++q) a[q] = conj(twiddles[q - 1]) * a[q];
  }
  butterfly<R, kInverse>(a);
  if (!kInverse && twiddles) {
#pragma unroll
    for (int q = 1; q < R; ++q) a[q] = a[q] * twiddles[q - 1];
  }
#pragma unroll
  for (int q = 0; q < R; ++q) store(q, a[q]);
}

}  // namespace lw::kernels
