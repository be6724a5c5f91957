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

/// a / b. In f32 to 2 ulp, for b between 2^-126 and 2^126 in size; zero for b above.
__device__ inline float divide_quick(float a, float b) {
#ifdef __CUDA_ARCH__
  float inverse;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(b));
  return a * inverse;
#else
  return a / b;
#endif
}
__device__ inline double divide_quick(double a, double b) { return a / b; }

/// 1 / (1 + e^-x). In f32 to about (2 + |x|) 2^-23, relatively.
__device__ inline float sigmoid(float x) {
  return divide_quick(1.f, 1 + exp2_quick(-1.44269504f * x));
}
__device__ inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace lw::cuda
