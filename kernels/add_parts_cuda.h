// add_parts: the sum of what the blocks of a CUDA kernel have added up each for itself. Internal;
// for .cu files.
#pragma once

#include "core/cuda_launch.h"
#include "core/tensor.h"

namespace lw::kernels {

inline constexpr int part_slices = 8;  // threads that share the parts of one sum
inline constexpr int part_columns = 32;

template <class T>
__global__ void add_parts_kernel(const T* parts, T* sums, int64_t size, int64_t count,
                                 int64_t inner) {
  __shared__ double slices[part_slices][part_columns];
  const int column = static_cast<int>(threadIdx.x) % part_columns;
  const int slice = static_cast<int>(threadIdx.x) / part_columns;
  const int64_t i = int64_t{blockIdx.x} * part_columns + column;
  double sum = 0;
  if (i < size) {
    const T* part = parts + i / inner * count * inner + i % inner;
#pragma unroll 4
    for (int64_t p = slice; p < count; p += part_slices)
      sum += static_cast<double>(part[p * inner]);
  }
  slices[slice][column] = sum;
  __syncthreads();
  if (slice > 0 || i >= size) return;
  for (int s = 1; s < part_slices; ++s) sum += slices[s][column];
  sums[i] = static_cast<T>(sum);
}

/// sum[o, ...] = the sum over p of parts[o, p, ...], added in double in an order that the sizes
/// decide. `parts` has no gaps and `outer` groups; nothing happens where `sum` is undefined.
template <class T>
void add_parts(const Tensor& parts, int64_t outer, Tensor& sum) {
  if (!sum || sum.numel() == 0) return;
  const int64_t size = sum.numel(), inner = size / outer;
  const Tensor result = sum.is_contiguous() ? sum : Tensor::empty_like(sum);
  cuda::launch(add_parts_kernel<T>,
               cuda::blocks(cuda::divide_up(size, part_columns), part_slices * part_columns),
               parts.data<T>(), result.data<T>(), size, parts.numel() / size, inner);
  if (!result.shares_storage(sum)) sum.copy_from(result);
}

}  // namespace lw::kernels
