// Rows of a table on a GPU: copies, and sums over the positions of each id. See README.md.
#include "core/cuda_element.h"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/grouped_cuda.h"
#include "kernels/quantize/quantize.h"

namespace lw::kernels {
namespace {

constexpr int columns = 32, slices = 8;      // of a block of the backward pass
constexpr int64_t enough_blocks = 132 * 32;  // to keep a GPU busy

/// From: how the table is stored; int8_t: as int8 rows.
template <class From, class To>
__global__ void forward_kernel(const From* table, int64_t pitch, const int64_t* ids,
                               View<To, 2> y) {
  const int64_t i = cuda::thread_number(), row = i / y.sizes[1], c = i % y.sizes[1];
  if (row >= y.sizes[0]) return;
  const From* from = table + ids[row] * pitch;
  To value = cuda::convert_element<To>(from[c]);
  if constexpr (std::is_same_v<From, int8_t>) value = row_factor(from, pitch) * value;
  y(row, c) = value;
}

/// A block owns a row of dtable, or every `across`th group of 32 channels of it. Slice s adds the
/// positions s, s + 8, ... of the row's id; the slices are added in order.
template <class T>
__global__ void backward_kernel(View<const T, 2> dy, const int64_t* positions, const int64_t* first,
                                int64_t across, View<T, 2> dtable) {
  __shared__ T shared[slices][columns];
  const int64_t v = blockIdx.x / across, begin = first[v], end = first[v + 1];
  const int column = static_cast<int>(threadIdx.x) % columns;
  const int slice = static_cast<int>(threadIdx.x) / columns;
  for (int64_t group = blockIdx.x % across; group * columns < dtable.sizes[1]; group += across) {
    const int64_t c = group * columns + column;
    T sum = 0;
    if (c < dtable.sizes[1]) {
#pragma unroll 4
      for (int64_t k = begin + slice; k < end; k += slices) sum += dy(positions[k], c);
    }
    shared[slice][column] = sum;
    __syncthreads();
    if (slice == 0 && c < dtable.sizes[1]) {
      for (int s = 1; s < slices; ++s) sum += shared[s][column];
      dtable(v, c) = sum;
    }
    __syncthreads();
  }
}

template <class From, class To>
void gather(const Tensor& table, const Tensor& ids, Tensor& y) {
  cuda::launch(forward_kernel<From, To>, cuda::cover(y.numel()),
               static_cast<const From*>(table.raw()), table.stride(0), ids.data<int64_t>(),
               y.view<To, 2>());
}

void forward_cuda(const Tensor& table, const Tensor& ids, Tensor& y) {
  if (table.dtype() == DType::bf16) return gather<bfloat16, float>(table, ids, y);
  if (has_int8_rows(table)) return gather<int8_t, float>(table, ids, y);
  for_float("embedding", table.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    gather<T, T>(table, ids, y);
  });
}

void backward_cuda(const Tensor& dy, const Tensor& ids, Tensor& dtable) {
  const int64_t vocabulary = dtable.size(0), d = dtable.size(1);
  if (dtable.numel() == 0) return;
  const Grouped grouped = group_positions(ids, vocabulary);
  const int64_t groups = cuda::divide_up(d, columns);
  const int64_t wanted = cuda::divide_up(enough_blocks, vocabulary);
  const int64_t across = wanted < groups ? wanted : groups;
  for_float("embedding", dy.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(backward_kernel<T>, cuda::blocks(vocabulary * across, columns * slices),
                 dy.view<const T, 2>(), grouped.positions.data<int64_t>(),
                 grouped.first.data<int64_t>(), across, dtable.view<T, 2>());
  });
}

const Implementation registered[] = {{embedding_forward, DeviceKind::cuda, &forward_cuda},
                                     {embedding_backward, DeviceKind::cuda, &backward_cuda}};

}  // namespace
}  // namespace lw::kernels
