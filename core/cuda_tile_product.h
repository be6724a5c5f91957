// Products of small matrices by the lanes of a warp, on tensor cores: 16 x 8 += (16 x 8) (8 x 8). Internal;
// for .cu files.
//
// The lanes of a warp hold a matrix together. Lane 4 r + q, r = 0 .. 7 and q = 0 .. 3, holds of a
//
//   Tile, 16 x 8          rows r and r + 8, columns 2 q and 2 q + 1
//   RightFactor, 8 x 8    rows 2 q and 2 q + 1, column r
//
// so a sum of products is the left factor of the next as it lies. In f64 a product is a chain of exact
// multiply-adds. In f32 each factor is two numbers of 11 bits (TF32), a = a' + a'' to 2^-23 of a, and
// a' b' + a' b'' + a'' b' is a b to 2^-21; eight such terms are added up as the tensor core rounds, which is
// towards zero, and these sums to each other as f32 rounds.
//
// Reference: NVIDIA, "PTX ISA", mma.m16n8k8 (.tf32) and mma.m8n8k4 (.f64), whose columns of the left factor and rows
// of the right one are taken in the order 0, 2, 4, 6, 1, 3, 5, 7; Ootomo & Yokota 2022, "Recovering single precision
// accuracy from Tensor Cores while surpassing the FP32 theoretical peak performance".
#pragma once

#include "core/cuda_launch.h"

#ifdef __CUDACC__
namespace lw::cuda {

/// The nearest number of 11 bits, as an f32.
__device__ inline uint32_t round_to_tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
/// sum = a b + c, by mma.m16n8k8.
__device__ inline void mma(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                           const float (&c)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%10,%11,%12,%13};"
      : "=f"(sum[0]), "=f"(sum[1]), "=f"(sum[2]), "=f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
        "f"(c[2]), "f"(c[3]));
}
/// sum = a b + c, by mma.m8n8k4.
__device__ inline void mma(double (&sum)[2], double a, double b, const double (&c)[2]) {
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1}, {%2}, {%3}, {%4,%5};"
               : "=d"(sum[0]), "=d"(sum[1])
               : "d"(a), "d"(b), "d"(c[0]), "d"(c[1]));
}

}  // namespace lw::cuda
#endif

namespace lw::cuda {

template <class T>
struct Tile {
  T at[2][2];  ///< [row r or r + 8][column 2 q or 2 q + 1]
};

template <class T>
struct LeftFactor {
  Tile<T> exact;
};
template <>
struct LeftFactor<float> {
  uint32_t high[4], low[4];  // in the order of the instruction
};

template <class T>
struct alignas(16) RightFactor {
  T exact[2];
};
template <>
struct alignas(16) RightFactor<float> {
  uint32_t high[2], low[2];
};

/// x = high + low to 2^-23; x may be a double.
template <class X>
__device__ inline void split(X x, uint32_t& high, uint32_t& low) {
  high = round_to_tf32(static_cast<float>(x));
  float rounded;
  memcpy(&rounded, &high, sizeof(rounded));
  low = round_to_tf32(static_cast<float>(x - static_cast<X>(rounded)));
}

template <class T>
__device__ LeftFactor<T> left_factor(const Tile<T>& tile) {
  if constexpr (std::is_same_v<T, double>) {
    return {tile};
  } else {
    LeftFactor<T> factor;
#pragma unroll
    for (int i = 0; i < 4; ++i) split(tile.at[i % 2][i / 2], factor.high[i], factor.low[i]);
    return factor;
  }
}

/// From the elements of rows 2 q and 2 q + 1, in f32 or f64.
template <class T, class X>
__device__ RightFactor<T> right_factor(X even, X odd) {
  RightFactor<T> factor;
  if constexpr (std::is_same_v<T, double>) {
    factor.exact[0] = even, factor.exact[1] = odd;
  } else {
    split(even, factor.high[0], factor.low[0]);
    split(odd, factor.high[1], factor.low[1]);
  }
  return factor;
}

/// sum += a b. All lanes of the warp must call it.
__device__ inline void add_product(Tile<float>& sum, const LeftFactor<float>& a,
                                   const RightFactor<float>& b) {
  float terms[4];
  mma(terms, a.low, b.high, {0, 0, 0, 0});
  mma(terms, a.high, b.low, terms);
  mma(terms, a.high, b.high, terms);
#pragma unroll
  for (int i = 0; i < 4; ++i) sum.at[i / 2][i % 2] += terms[i];
}
__device__ inline void add_product(Tile<double>& sum, const LeftFactor<double>& a,
                                   const RightFactor<double>& b) {
#pragma unroll
  for (int half = 0; half < 2; ++half)
#pragma unroll
    for (int k = 0; k < 2; ++k) mma(sum.at[half], a.exact.at[half][k], b.exact[k], sum.at[half]);
}

}  // namespace lw::cuda
