// The update of gradient descent on a GPU: a thread takes 16 bytes of each array. See README.md.
#include "core/cuda_pack.h"
#include "kernels/sgd/sgd.h"

namespace lw::kernels {
namespace {

template <class T>
struct Factors {
  T scale, penalty, momentum, lr;
  bool nesterov;

  explicit Factors(const SgdUpdate& u)
      : scale(static_cast<T>(u.gradient_scale)),
        penalty(static_cast<T>(u.weight_decay)),
        momentum(static_cast<T>(u.momentum)),
        lr(static_cast<T>(u.lr)),
        nesterov(u.nesterov) {}
};

/// `b` is null without momentum.
template <int N, class T>
__global__ void sgd_kernel(Factors<T> u, int64_t size, const T* g, T* p, T* b) {
  const int64_t i = N * cuda::thread_number(), left = size - i;
  if (left <= 0) return;
  auto direction = cuda::load_pack<N>(g + i, left), value = cuda::load_pack<N>(p + i, left);
#pragma unroll
  for (int k = 0; k < N; ++k)
    direction.at[k] = std::fma(u.penalty, value.at[k], u.scale * direction.at[k]);
  if (b != nullptr) {
    auto buffer = cuda::load_pack<N>(b + i, left);
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const T dy = direction.at[k];
      buffer.at[k] = std::fma(u.momentum, buffer.at[k], dy);
      direction.at[k] = u.nesterov ? std::fma(u.momentum, buffer.at[k], dy) : buffer.at[k];
    }
    cuda::store_pack(b + i, left, buffer);
  }
#pragma unroll
  for (int k = 0; k < N; ++k) value.at[k] = std::fma(-u.lr, direction.at[k], value.at[k]);
  cuda::store_pack(p + i, left, value);
}

void sgd_cuda(const Tensor& g, const SgdUpdate& u, Tensor& p, Tensor& b) {
  check_sgd(g, u, p, b);
  for_float("sgd", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dy = g.data<T>();
    T *x = p.data<T>(), *buffer = b.defined() ? b.data<T>() : nullptr;
    cuda::for_pack_size<T>({dy, x, buffer}, [&](auto n) {
      cuda::launch(sgd_kernel<n(), T>, cuda::cover(cuda::divide_up(g.numel(), n())), Factors<T>(u),
                   g.numel(), dy, x, buffer);
    });
  });
}

const Implementation registered{sgd, DeviceKind::cuda, &sgd_cuda};

}  // namespace
}  // namespace lw::kernels
