// Matrix-vector products on a GPU: a warp multiplies a row of the weights. See README.md.
#include <algorithm>

#include "core/cuda_pack.h"
#include "core/cuda_reduce.h"
#include "kernels/matvec/matvec.h"
#include "kernels/quantize/quantize.h"

namespace lw::kernels {
namespace {

constexpr int lanes = 32, warps = 4;  // of a warp, of a block

/// Neighbouring weights that a lane loads at once: 16 bytes, or as many as the 4 bytes to which int8
/// rows are aligned.
template <class W>
inline constexpr int lane_elements = std::is_same_v<W, int8_t> ? 4 : 16 / sizeof(W);

/// y[r, j] for kRows rows of x. The order of the additions does not depend on kRows, nor on whether
/// everything is `aligned` to packs.
template <bool aligned, int kRows, class T, class W>
__global__ void matvec_kernel(View<const T, 2> x, const W* weights, int64_t out, int64_t pitch,
                              const T* bias, View<T, 2> y) {
  constexpr int N = lane_elements<W>;
  const int64_t j = cuda::thread_number() / lanes;
  if (j >= out) return;
  const W* row = weights + j * pitch;
  const int64_t n = x.sizes[1];
  T sums[kRows] = {};
#pragma unroll 4
  for (int64_t i = threadIdx.x % lanes * N; i < n; i += N * lanes) {
    const auto w = cuda::load_pack<N, aligned>(row + i, n - i);
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const auto in = cuda::load_pack<N, aligned>(&x(r, i), n - i);
#pragma unroll
      for (int k = 0; k < N; ++k) sums[r] = std::fma(static_cast<T>(w.at[k]), in.at[k], sums[r]);
    }
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) sums[r] = cuda::fold_warp<cuda::Sum>(sums[r]);
  if (threadIdx.x % lanes != 0) return;
  T factor = 1;
  if constexpr (std::is_same_v<W, int8_t>) factor = row_factor(row, pitch);
  for (int r = 0; r < kRows; ++r)
    y(r, j) = std::fma(factor, sums[r], bias != nullptr ? bias[j] : T{0});
}

/// Calls f(std::integral_constant<int, rows>()) for 1 <= rows <= matvec_rows.
template <int kRows = 1, class F>
void for_rows(int64_t rows, F&& f) {
  if (rows == kRows) return f(std::integral_constant<int, kRows>());
  if constexpr (kRows < matvec_rows) for_rows<kRows + 1>(rows, std::forward<F>(f));
}

template <class T, class W>
void multiply(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  const auto* weights = static_cast<const W*>(weight.raw());
  const int64_t out = weight.size(0), pitch = weight.stride(0);
  const auto sized = [](int64_t pitch, auto element) {
    return pitch * static_cast<int64_t>(sizeof element);
  };
  const bool aligned = cuda::is_aligned(x.raw(), sized(x.stride(0), T())) &&
                       (std::is_same_v<W, int8_t> || cuda::is_aligned(weights, sized(pitch, W())));
  for (int64_t first = 0; first < x.size(0); first += matvec_rows) {
    const int64_t last = std::min(first + matvec_rows, x.size(0));
    for_rows(last - first, [&](auto rows) {
      cuda::launch(aligned ? matvec_kernel<true, rows(), T, W> : matvec_kernel<false, rows(), T, W>,
                   cuda::cover(out * lanes, warps * lanes),
                   x.slice(0, first, last).view<const T, 2>(), weights, out, pitch,
                   bias ? bias.data<T>() : nullptr, y.slice(0, first, last).view<T, 2>());
    });
  }
}

void matvec_cuda(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  check_matvec(x, weight, bias, y);
  if (y.numel() == 0) return;
  if (x.dtype() == DType::f64) return multiply<double, double>(x, weight, bias, y);
  if (weight.dtype() == DType::bf16) return multiply<float, bfloat16>(x, weight, bias, y);
  if (weight.dtype() == DType::u8) return multiply<float, int8_t>(x, weight, bias, y);
  multiply<float, float>(x, weight, bias, y);
}

const Implementation registered{matvec, DeviceKind::cuda, &matvec_cuda};

}  // namespace
}  // namespace lw::kernels
