// int8 rows on a GPU: a warp stores a row. See README.md.
#include "core/cuda_reduce.h"
#include "kernels/quantize/quantize.h"

namespace lw::kernels {
namespace {

constexpr int lanes = 32, warps = 4;  // of a warp, of a block

__global__ void quantize_kernel(View<const float, 2> w, int8_t* bytes, int64_t pitch) {
  const int64_t j = cuda::thread_number() / lanes;
  if (j >= w.sizes[0]) return;
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  float largest = 0;
  for (int64_t i = lane; i < w.sizes[1]; i += lanes)
    largest = cuda::Max::fold(largest, std::abs(w(j, i)));
  const float factor = cuda::fold_warp<cuda::Max>(largest) / 127;
  int8_t* row = bytes + j * pitch;
  for (int64_t i = lane; i < w.sizes[1]; i += lanes) {
    const float whole = factor > 0 ? std::nearbyint(w(j, i) / factor) : 0;
    row[i] = static_cast<int8_t>(whole < -127 ? -127 : whole > 127 ? 127 : whole);
  }
  if (lane == 0) *reinterpret_cast<float*>(row + pitch - sizeof(float)) = factor;
}

__global__ void widen_kernel(const int8_t* bytes, int64_t pitch, View<float, 2> w) {
  const int64_t i = cuda::thread_number(), j = i / w.sizes[1], column = i % w.sizes[1];
  if (j >= w.sizes[0]) return;
  const int8_t* row = bytes + j * pitch;
  w(j, column) = row_factor(row, pitch) * static_cast<float>(row[column]);
}

void quantize_cuda(const Tensor& w, Tensor& q) {
  check_quantize(w, q);
  cuda::launch(quantize_kernel, cuda::cover(w.size(0) * lanes, warps * lanes),
               w.view<const float, 2>(), static_cast<int8_t*>(q.raw()), q.stride(0));
}

void widen_cuda(const Tensor& q, Tensor& w) {
  check_widen(q, w);
  if (!has_int8_rows(q)) return w.copy_from(q);
  cuda::launch(widen_kernel, cuda::cover(w.numel()), static_cast<const int8_t*>(q.raw()),
               q.stride(0), w.view<float, 2>());
}

const Implementation registered[] = {{quantize_rows, DeviceKind::cuda, &quantize_cuda},
                                     {widen_rows, DeviceKind::cuda, &widen_cuda}};

}  // namespace
}  // namespace lw::kernels
