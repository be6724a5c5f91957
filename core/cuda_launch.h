// launch: starts a CUDA kernel. Internal; for .cu files.
//
//   __global__ void scale(const float* x, float* y, int64_t n);
//   cuda::launch(scale, cuda::cover(n), x, y, n);
//
// Kernels run in the order in which they are started, on the one stream of the thread's device. In
// a build without CUDA the tests compile .cu files behind the header of an emulator (tests/emulator),
// so kernels use the parts of CUDA C++ that it knows.
#pragma once

#include "core/error.h"
#include "core/view.h"

#ifdef __CUDACC__
#include "core/cuda_stream.h"

namespace lw::cuda {

/// Memory that the threads of a block share, of the size given to launch(); aligned to 16 bytes.
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char lw_dynamic_shared[];
  return reinterpret_cast<T*>(lw_dynamic_shared);
}

}  // namespace lw::cuda
#endif

namespace lw::cuda {

struct Grid {
  dim3 blocks, threads;
  int64_t shared_bytes = 0;  ///< of dynamic_shared()
};

inline constexpr int block_threads = 256;

/// ceil(a / b)
LW_HOST_DEVICE constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The size of an axis of the grid. Throws Error where there is none so large.
inline unsigned grid_size(int64_t blocks) {
  check(blocks <= 0x7fffffff, "cuda: ", blocks, " blocks are more than a grid holds");
  return static_cast<unsigned>(blocks);
}

/// One thread for each of n elements.
inline Grid cover(int64_t n, int threads = block_threads) {
  return {dim3(grid_size(divide_up(n, threads))), dim3(static_cast<unsigned>(threads))};
}

/// A block of `threads` threads for each of n things.
inline Grid blocks(int64_t n, int threads = block_threads) {
  return {dim3(grid_size(n)), dim3(static_cast<unsigned>(threads))};
}

/// Number of this thread among all along x.
__device__ inline int64_t thread_number() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }

/// Starts kernel(arguments...) unless the grid is empty.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const Grid& grid, const Arguments&... arguments) {
  if (grid.blocks.x == 0 || grid.blocks.y == 0 || grid.blocks.z == 0) return;
  start<Parameters...>(kernel, grid.blocks, grid.threads, grid.shared_bytes,
                       static_cast<const std::remove_cvref_t<Parameters>&>(arguments)...);
}

}  // namespace lw::cuda
