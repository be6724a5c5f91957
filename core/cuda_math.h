// Functions of floating-point numbers for CUDA kernels: in f32 by the instructions of the special
// function unit where these are accurate enough, in f64 exact to an ulp or two. Internal; for .cu
// files.
#pragma once

#include "core/cuda_launch.h"

namespace lw::cuda {

/// 2^x. In f32 one instruction: exactly 1 at 0, a relative error below 2^-22, zero below 2^-126.
__device__ inline float exp2_quick(float x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}
__device__ inline double exp2_quick(double x) { return std::exp2(x); }

/// a / b, in f32 to 2 ulp; b is not subnormal, and the quotient is zero where b is above 2^126.
__device__ inline float divide_quick(float a, float b) { return __fdividef(a, b); }
__device__ inline double divide_quick(double a, double b) { return a / b; }

/// 1 / (1 + e^-x)
template <class T>
__device__ T sigmoid(T x) {
  return divide_quick(T{1}, T{1} + std::exp(-x));
}

}  // namespace lw::cuda
