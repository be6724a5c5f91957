// Squared error on a GPU: a sum for each block of elements, and the blocks added up. See README.md.
#include "kernels/add_up_cuda.h"
#include "kernels/mse/mse.h"

namespace lw::kernels {
namespace {

constexpr int64_t grain = 1 << 12;  // elements a block

/// x - y at element number i in row-major order.
template <class T>
__device__ T error_at(const View<const T, 2>& x, const View<const T, 2>& y, int64_t i) {
  const int64_t row = i / x.sizes[1], column = i % x.sizes[1];
  return x(row, column) - y(row, column);
}

template <class T>
__global__ void forward_kernel(View<const T, 2> x, View<const T, 2> y, int64_t size,
                               double* parts) {
  const int64_t begin = blockIdx.x * grain;
  const int64_t end = begin + grain < size ? begin + grain : size;
  double sum = 0;
#pragma unroll 4
  for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) {
    const auto e = static_cast<double>(error_at(x, y, i));
    sum = std::fma(e, e, sum);
  }
  sum = cuda::fold_lanes<cuda::block_threads, cuda::Sum>(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

template <class T>
__global__ void backward_kernel(View<const T, 2> x, View<const T, 2> y, double factor,
                                const T* dloss, View<T, 2> dx) {
  const int64_t i = cuda::thread_number();
  if (i >= dx.sizes[0] * dx.sizes[1]) return;
  const T scale = static_cast<T>(factor * static_cast<double>(*dloss));
  dx(i / dx.sizes[1], i % dx.sizes[1]) = scale * error_at(x, y, i);
}

void forward_cuda(const Tensor& x, const Tensor& y, double divisor, Tensor& loss) {
  const int64_t count = cuda::divide_up(x.numel(), grain);
  const Tensor parts = Tensor::empty({count}, DType::f64, x.device());
  for_float("mse", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(forward_kernel<T>, cuda::blocks(count), x.view<const T, 2>(), y.view<const T, 2>(),
                 x.numel(), parts.data<double>());
    add_up<T>(parts, divisor, loss);
  });
}
void backward_cuda(const Tensor& x, const Tensor& y, double divisor, const Tensor& dloss,
                   Tensor& dx) {
  for_float("mse", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(backward_kernel<T>, cuda::cover(dx.numel()), x.view<const T, 2>(),
                 y.view<const T, 2>(), 2 / divisor, dloss.data<T>(), dx.view<T, 2>());
  });
}

const Implementation registered[] = {{mse_forward, DeviceKind::cuda, &forward_cuda},
                                     {mse_backward, DeviceKind::cuda, &backward_cuda}};

}  // namespace
}  // namespace lw::kernels
