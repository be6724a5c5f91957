// A thread an element where y and x are contiguous along one axis; else tiles of 32 x 32 elements
// through shared memory, so that both are read and written along their rows.
#include "core/cuda_launch.h"
#include "kernels/shape/loops.h"

namespace lw::kernels {
namespace {

template <class T>
__global__ void copy_kernel(Loops loops, const T* x, T* y, int64_t count) {
  const int64_t i = cuda::thread_number();
  if (i >= count) return;
  const Loops::Offsets at = loops.offsets_of(i);
  y[at.to] = x[at.from];
}

constexpr int tile = 32, lines = 8;  // threads of a block: 32 along a row, 8 rows at a time

template <class T>
__global__ void transpose_kernel(Loops outer, Loop down, Loop along, const T* x, T* y) {
  __shared__ T shared[tile][tile + 1];
  const int64_t across = cuda::divide_up(along.size, tile), high = cuda::divide_up(down.size, tile);
  const int64_t block = blockIdx.x;
  const int64_t c = block % across * tile, r = block / across % high * tile;
  const Loops::Offsets at = outer.offsets_of(block / across / high);
  const int column = static_cast<int>(threadIdx.x) % tile;
  const int line = static_cast<int>(threadIdx.x) / tile;
  // x is contiguous along `down`.
  for (int i = line; i < tile; i += lines)
    if (r + column < down.size && c + i < along.size)
      shared[i][column] = x[at.from + (r + column) * down.from + (c + i) * along.from];
  __syncthreads();
  for (int i = line; i < tile; i += lines)
    if (r + i < down.size && c + column < along.size)
      y[at.to + (r + i) * down.to + (c + column) * along.to] = shared[column][i];
}

void rearrange_cuda(const Tensor& x, const Arrangement& how, Tensor& y) {
  check_rearrange(x, how, y);
  if (y.numel() == 0) return;
  const Rearrangement r(x, how, y);
  for_size_of(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* in = static_cast<const T*>(x.raw()) + r.from;
    T* out = static_cast<T*>(y.raw());
    if (!r.transposes) {
      Loops all = r.outer;
      all.loop[all.count++] = r.along;
      cuda::launch(copy_kernel<T>, cuda::cover(y.numel()), all, in, out, y.numel());
    } else {
      const int64_t tiles =
          cuda::divide_up(r.along.size, tile) * cuda::divide_up(r.down.size, tile);
      cuda::launch(transpose_kernel<T>, cuda::blocks(r.outer.iterations() * tiles, tile * lines),
                   r.outer, r.down, r.along, in, out);
    }
  });
}

const Implementation cuda{rearrange, DeviceKind::cuda, &rearrange_cuda};

}  // namespace
}  // namespace lw::kernels
