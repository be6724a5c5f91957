// A moving average on a GPU: a thread takes 16 bytes of each array. See README.md.
#include "core/cuda_pack.h"
#include "kernels/average/average.h"

namespace lw::kernels {
namespace {

template <int N, class T>
__global__ void average_kernel(const T* x, const double* weight_, int64_t size, T* y) {
  const int64_t i = N * cuda::thread_number(), left = size - i;
  if (left <= 0) return;
  const T weight = static_cast<T>(*weight_);
  const auto in = cuda::load_pack<N>(x + i, left);
  auto out = cuda::load_pack<N>(y + i, left);
#pragma unroll
  for (int k = 0; k < N; ++k) out.at[k] = std::fma(weight, in.at[k] - out.at[k], out.at[k]);
  cuda::store_pack(y + i, left, out);
}

void average_cuda(const Tensor& x, const Tensor& weight, Tensor& y) {
  check_average(x, weight, y);
  for_float("average", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* in = x.data<T>();
    T* out = y.data<T>();
    cuda::for_pack_size<T>({in, out}, [&](auto n) {
      cuda::launch(average_kernel<n(), T>, cuda::cover(cuda::divide_up(x.numel(), n())), in,
                   weight.data<double>(), x.numel(), out);
    });
  });
}

const Implementation registered{average, DeviceKind::cuda, &average_cuda};

}  // namespace
}  // namespace lw::kernels
