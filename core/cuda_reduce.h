// Sums and maxima over the threads of a warp or block, in an order that does not change. Internal;
// for .cu files.
#pragma once

#include <limits>

#include "core/cuda_launch.h"

namespace lw::cuda {

struct Sum {
  static constexpr double start = 0;
  template <class T>
  LW_HOST_DEVICE static T fold(T a, T b) {
    return a + b;
  }
};

/// NaN if either is.
struct Max {
  static constexpr double start = -std::numeric_limits<double>::infinity();
  template <class T>
  LW_HOST_DEVICE static T fold(T a, T b) {
    return a != a || a > b ? a : b;
  }
};

/// What all lanes of the warp hold, folded; every lane gets it.
template <class Op, class T>
__device__ T fold_warp(T value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value = Op::fold(value, __shfl_xor_sync(0xffffffffu, value, distance));
  return value;
}

/// What groups of `lanes` neighbouring threads hold, folded: lanes = 32, or a multiple of it that
/// divides the block. Every thread of the group gets it. All threads of the block must call it.
template <int lanes, class Op, class T>
__device__ T fold_lanes(T value) {
  value = fold_warp<Op>(value);
  if constexpr (lanes > 32) {
    __shared__ T warps[32];
    const int warp = static_cast<int>(threadIdx.x) / 32, first = warp / (lanes / 32) * (lanes / 32);
    __syncthreads();  // an earlier call's values have been read
    if (threadIdx.x % 32 == 0) warps[warp] = value;
    __syncthreads();
    value = warps[first];
    for (int i = 1; i < lanes / 32; ++i) value = Op::fold(value, warps[first + i]);
  }
  return value;
}

}  // namespace lw::cuda
