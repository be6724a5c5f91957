// The update of gradient descent on a GPU: a thread takes 16 bytes of each array. See README.md.
#include "core/cuda_pack.h"
#include "kernels/sgd/sgd.h"

namespace lw::kernels {
namespace {

/// `b` is null without momentum; `gradient_scale` and the `factors` of the groups are read where the device has them.
template <int N, class T>
__global__ void sgd_kernel(T momentum, bool nesterov, UpdateGroups groups, const double* factors,
                           const double* gradient_scale, int64_t size, const T* g, T* p, T* b) {
  const int64_t i = N * cuda::thread_number(), left = size - i;
  if (left <= 0 || !std::isfinite(*gradient_scale)) return;
  factors += sgd_factors * groups.of(i);
  const T scale = static_cast<T>(*gradient_scale), penalty = static_cast<T>(factors[0]);
  const T lr = static_cast<T>(factors[1]);
  auto direction = cuda::load_pack<N>(g + i, left), value = cuda::load_pack<N>(p + i, left);
#pragma unroll
  for (int k = 0; k < N; ++k)
    direction.at[k] = std::fma(penalty, value.at[k], scale * direction.at[k]);
  if (b != nullptr) {
    auto buffer = cuda::load_pack<N>(b + i, left);
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const T dy = direction.at[k];
      buffer.at[k] = std::fma(momentum, buffer.at[k], dy);
      direction.at[k] = nesterov ? std::fma(momentum, buffer.at[k], dy) : buffer.at[k];
    }
    cuda::store_pack(b + i, left, buffer);
  }
#pragma unroll
  for (int k = 0; k < N; ++k) value.at[k] = std::fma(-lr, direction.at[k], value.at[k]);
  cuda::store_pack(p + i, left, value);
}

void sgd_cuda(const Tensor& g, const SgdUpdate& u, const UpdateNumbers& numbers, Tensor& p,
              Tensor& b) {
  check_sgd(g, u, numbers, p, b);
  for_float("sgd", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dy = g.data<T>();
    T *x = p.data<T>(), *buffer = b.defined() ? b.data<T>() : nullptr;
    cuda::for_pack_size<T>({dy, x, buffer}, [&](auto n) {
      cuda::launch(sgd_kernel<n(), T>, cuda::cover(cuda::divide_up(g.numel(), n())),
                   static_cast<T>(u.momentum), u.nesterov, numbers.groups,
                   numbers.factors.data<double>(), numbers.scale.data<double>(), g.numel(), dy, x,
                   buffer);
    });
  });
}

const Implementation registered{sgd, DeviceKind::cuda, &sgd_cuda};

}  // namespace
}  // namespace lw::kernels
