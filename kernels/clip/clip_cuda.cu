// The norm on a GPU: a sum of squares for each block of elements, and one block that adds them up. See README.md.
#include "core/cuda_pack.h"
#include "kernels/add_up_cuda.h"
#include "kernels/clip/clip.h"

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

/// One block: adds up the parts, in an order that their number decides, and says what follows.
__global__ void finish_kernel(const double* parts, int64_t size, const double* mean,
                              double clip_norm, const double* losses, int64_t count,
                              double* outcome) {
  const double sum = sum_of_parts(parts, size);
  if (threadIdx.x == 0) finish_clip(sum, *mean, clip_norm, losses, count, outcome);
}

void clip_cuda(const Clip& in, Tensor& outcome) {
  check_clip(in, outcome);
  const Tensor& g = in.gradients;
  const int64_t count = cuda::divide_up(g.numel(), grain);
  const Tensor parts = Tensor::empty({count}, DType::f64, g.device());
  for_float("clip", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::for_pack_size<T>({g.data<T>()}, [&](auto n) {
      cuda::launch(square_sum_kernel<n(), T>, cuda::blocks(count), g.data<T>(), g.numel(),
                   parts.data<double>());
    });
  });
  cuda::launch(finish_kernel, cuda::blocks(1, adding_threads), parts.data<double>(), count,
               in.mean.data<double>(), in.clip_norm, in.losses ? in.losses.data<double>() : nullptr,
               in.losses ? in.losses.numel() : 0, outcome.data<double>());
}

const Implementation registered{clip, DeviceKind::cuda, &clip_cuda};

}  // namespace
}  // namespace lw::kernels
