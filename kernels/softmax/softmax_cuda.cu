// A warp a row of up to 1024 elements, a block a longer one. Sums in double.
#include <cmath>

#include "core/cuda_reduce.h"
#include "kernels/softmax/softmax.h"

namespace lw::kernels {
namespace {

constexpr int threads = 256;

/// The row of this group of `lanes` threads; the groups behind the last row repeat it.
template <int lanes>
__device__ int64_t row_of(int64_t rows) {
  const int64_t row = cuda::thread_number() / lanes;
  return row < rows ? row : rows - 1;
}

template <int lanes, bool logarithm, class T>
__global__ void forward_kernel(View<const T, 2> x, View<T, 2> y) {
  const int64_t row = row_of<lanes>(x.sizes[0]), count = x.sizes[1];
  const T* in = &x(row, 0);
  T* out = &y(row, 0);
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  T most = static_cast<T>(cuda::Max::start);
  for (int64_t i = lane; i < count; i += lanes) most = cuda::Max::fold(most, in[i]);
  most = cuda::fold_lanes<lanes, cuda::Max>(most);
  double sum = 0;
  for (int64_t i = lane; i < count; i += lanes) sum += static_cast<double>(std::exp(in[i] - most));
  sum = cuda::fold_lanes<lanes, cuda::Sum>(sum);
  if constexpr (logarithm) {
    const T log_sum = static_cast<T>(std::log(sum));
    for (int64_t i = lane; i < count; i += lanes) out[i] = in[i] - most - log_sum;
  } else {
    const T scale = static_cast<T>(1 / sum);
    for (int64_t i = lane; i < count; i += lanes) out[i] = std::exp(in[i] - most) * scale;
  }
}

template <int lanes, bool logarithm, class T>
__global__ void backward_kernel(View<const T, 2> y, View<const T, 2> dy, View<T, 2> dx) {
  const int64_t row = row_of<lanes>(y.sizes[0]), count = y.sizes[1];
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  double sum = 0;
  for (int64_t i = lane; i < count; i += lanes)
    sum += static_cast<double>(logarithm ? dy(row, i) : y(row, i) * dy(row, i));
  const T all = static_cast<T>(cuda::fold_lanes<lanes, cuda::Sum>(sum));
  for (int64_t i = lane; i < count; i += lanes)
    dx(row, i) =
        logarithm ? dy(row, i) - std::exp(y(row, i)) * all : y(row, i) * (dy(row, i) - all);
}

/// Starts `warp` for short rows and `block` for long ones.
template <class... Parameters, class... Arguments>
void launch_rows(void (*warp)(Parameters...), void (*block)(Parameters...), const Tensor& rows,
                 const Arguments&... arguments) {
  const bool is_short = rows.size(1) <= 1024;
  cuda::launch(is_short ? warp : block,
               cuda::cover(rows.size(0) * (is_short ? 32 : threads), threads), arguments...);
}

template <bool logarithm>
void forward_cuda(const Tensor& x, Tensor& y) {
  check_softmax(x, y);
  if (x.numel() == 0) return;
  for_float("softmax", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor in = x.rows(), out = y.rows();
    launch_rows(forward_kernel<32, logarithm, T>, forward_kernel<threads, logarithm, T>, in,
                in.view<const T, 2>(), out.view<T, 2>());
  });
}

template <bool logarithm>
void backward_cuda(const Tensor& y, const Tensor& dy, Tensor& dx) {
  check_softmax_backward(y, dy, dx);
  if (y.numel() == 0) return;
  for_float("softmax", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor value = y.rows(), gradient = dy.rows(), out = dx.rows();
    launch_rows(backward_kernel<32, logarithm, T>, backward_kernel<threads, logarithm, T>, value,
                value.view<const T, 2>(), gradient.view<const T, 2>(), out.view<T, 2>());
  });
}

const Implementation cuda[] = {{softmax, DeviceKind::cuda, &forward_cuda<false>},
                               {softmax_backward, DeviceKind::cuda, &backward_cuda<false>},
                               {log_softmax, DeviceKind::cuda, &forward_cuda<true>},
                               {log_softmax_backward, DeviceKind::cuda, &backward_cuda<true>}};

}  // namespace
}  // namespace lw::kernels
