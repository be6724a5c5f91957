// The sum of squares on a GPU: a sum for each block of elements, and the blocks added up. See
// README.md.
#include "core/cuda_pack.h"
#include "kernels/add_up_cuda.h"
#include "kernels/square_sum/square_sum.h"

namespace lw::kernels {
namespace {

constexpr int64_t grain = 1 << 13;  // elements a block

template <int N, class T>
__global__ void square_sum_kernel(const T* x, int64_t size, double* parts) {
  const int64_t begin = blockIdx.x * grain;
  const int64_t end = begin + grain < size ? begin + grain : size;
  double sum = 0;
#pragma unroll 4
  for (int64_t i = begin + int64_t{N} * threadIdx.x; i < end; i += int64_t{N} * blockDim.x) {
    const auto pack = cuda::load_pack<N>(x + i, end - i);
    for (int k = 0; k < N; ++k)
      sum = std::fma(static_cast<double>(pack.at[k]), static_cast<double>(pack.at[k]), sum);
  }
  sum = cuda::fold_lanes<cuda::block_threads, cuda::Sum>(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

void square_sum_cuda(const Tensor& x, double& sum) {
  check_square_sum(x);
  const int64_t count = cuda::divide_up(x.numel(), grain);
  const Tensor parts = Tensor::empty({count}, DType::f64, x.device());
  Tensor total = Tensor::empty({}, DType::f64, x.device());
  for_float("square_sum", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::for_pack_size<T>({x.data<T>()}, [&](auto n) {
      cuda::launch(square_sum_kernel<n(), T>, cuda::blocks(count), x.data<T>(), x.numel(),
                   parts.data<double>());
    });
  });
  add_up<double>(parts, 1, total);
  sum = total.item();
}

const Implementation registered{square_sum, DeviceKind::cuda, &square_sum_cuda};

}  // namespace
}  // namespace lw::kernels
