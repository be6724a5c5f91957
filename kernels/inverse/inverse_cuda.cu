// Inverses on a GPU: a block has one matrix. See README.md, "On a GPU".
#include <algorithm>

#include "core/cuda_launch.h"
#include "kernels/inverse/inverse.h"

namespace lw::kernels {
namespace {

/// Eight elements a thread, within one warp and eight.
int threads_of(int64_t N) {
  return static_cast<int>(std::clamp<int64_t>(cuda::divide_up(N * N, 256) * 32, 32, 256));
}

struct Pivot {
  double size;
  int64_t row;
};

/// The row from k on whose element in column k is largest, the first of equals; by one warp.
__device__ int64_t pivot_of(const double* a, int64_t N, int64_t k) {
  Pivot best{-1, k};
  for (int64_t i = k + threadIdx.x; i < N; i += 32)
    if (const double size = std::fabs(a[i * N + k]); size > best.size) best = {size, i};
  for (int distance = 16; distance > 0; distance /= 2) {
    const Pivot other{__shfl_xor_sync(0xffffffffu, best.size, distance),
                      __shfl_xor_sync(0xffffffffu, best.row, distance)};
    if (other.size > best.size || (other.size == best.size && other.row < best.row)) best = other;
  }
  return best.row;
}

/// `memory` [batch, N, N], or null where shared memory holds the matrix. Shared: column and row of a
/// pivot, pivots, matrix.
template <class T>
__global__ void inverse_kernel(View<const T, 3> M, View<T, 3> X, double* memory) {
  const int64_t b = blockIdx.x, N = M.sizes[1], threads = blockDim.x;
  auto* column = cuda::dynamic_shared<double>();
  double* row = column + N;
  auto* pivots = reinterpret_cast<int64_t*>(row + N);
  double* a = memory ? memory + b * N * N : row + 2 * N;
  for (int64_t e = threadIdx.x; e < N * N; e += threads)
    a[e] = static_cast<double>(M(b, e / N, e % N));
  __syncthreads();

  for (int64_t k = 0; k < N; ++k) {
    if (threadIdx.x < 32) {
      const int64_t p = pivot_of(a, N, k);
      if (threadIdx.x == 0) pivots[k] = p;
    }
    __syncthreads();
    const int64_t p = pivots[k];
    const double scale = 1 / a[p * N + k];
    for (int64_t j = threadIdx.x; j < N; j += threads) {
      row[j] = (j == k ? 1 : a[p * N + j]) * scale;
      column[j] = a[(j == p ? k : j) * N + k];  // rows k and p exchanged
    }
    __syncthreads();
    for (int64_t j = threadIdx.x; p != k && j < N; j += threads) a[p * N + j] = a[k * N + j];
    __syncthreads();
    for (int64_t e = threadIdx.x; e < N * N; e += threads) {
      const int64_t i = e / N, j = e % N;
      a[e] = i == k ? row[j] : std::fma(-column[i], row[j], j == k ? 0 : a[e]);
    }
    __syncthreads();
  }
  for (int64_t i = threadIdx.x; i < N; i += threads)
    for (int64_t k = N - 1; k >= 0; --k) {
      const double kept = a[i * N + k];
      a[i * N + k] = a[i * N + pivots[k]];
      a[i * N + pivots[k]] = kept;
    }
  __syncthreads();
  for (int64_t e = threadIdx.x; e < N * N; e += threads) X(b, e / N, e % N) = static_cast<T>(a[e]);
}

template <class T>
void inverse_of(const Tensor& M, Tensor& X) {
  const int64_t N = M.size(1), few = 3 * N * 8, all = few + N * N * 8;
  const bool shared = all <= cuda::shared_memory_of_block();
  const Tensor memory = shared ? Tensor() : Tensor::empty(M.shape(), DType::f64, M.device());
  cuda::Grid grid = cuda::blocks(M.size(0), threads_of(N));
  grid.shared_bytes = shared ? all : few;
  cuda::launch(inverse_kernel<T>, grid, M.view<const T, 3>(), X.view<T, 3>(),
               shared ? nullptr : memory.data<double>());
}

void inverse_cuda(const Tensor& M, Tensor& X) {
  for_float("inverse", M.dtype(),
            [&](auto tag) { inverse_of<typename decltype(tag)::type>(M, X); });
}

const Implementation cuda{inverse, DeviceKind::cuda, &inverse_cuda};

}  // namespace
}  // namespace lw::kernels
