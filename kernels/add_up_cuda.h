// add_up: all numbers of a vector added up on a GPU, in an order that their count decides. Internal;
// for .cu files.
#pragma once

#include "core/cuda_reduce.h"
#include "core/tensor.h"

namespace lw::kernels {

inline constexpr int adding_threads = 1024;

/// The sum of all parts, by a block of `adding_threads`; every thread gets it.
__device__ inline double sum_of_parts(const double* parts, int64_t size) {
  double sum = 0;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < size; i += adding_threads) sum += parts[i];
  return cuda::fold_lanes<adding_threads, cuda::Sum>(sum);
}

template <class T>
__global__ void add_up_kernel(const double* parts, int64_t size, double divisor, T* total) {
  const double sum = sum_of_parts(parts, size);
  if (threadIdx.x == 0) *total = static_cast<T>(sum / divisor);
}

/// total, a scalar of type T, becomes the sum of the parts, f64 [size], over the divisor.
template <class T>
void add_up(const Tensor& parts, double divisor, Tensor& total) {
  cuda::launch(add_up_kernel<T>, cuda::blocks(1, adding_threads), parts.data<double>(),
               parts.numel(), divisor, total.data<T>());
}

}  // namespace lw::kernels
