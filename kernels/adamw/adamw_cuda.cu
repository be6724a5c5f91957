// The update of Adam and AdamW on a GPU: a thread takes 16 bytes of each array. See README.md.
#include "core/cuda_pack.h"
#include "kernels/adamw/adamw.h"

namespace lw::kernels {
namespace {

template <int N, class T>
__global__ void adamw_kernel(AdamFactors<T> u, int64_t size, const T* g, T* p, T* m, T* v) {
  const int64_t i = N * cuda::thread_number(), left = size - i;
  if (left <= 0) return;
  const auto gradient = cuda::load_pack<N>(g + i, left);
  auto value = cuda::load_pack<N>(p + i, left), mean = cuda::load_pack<N>(m + i, left),
       square = cuda::load_pack<N>(v + i, left);
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const T dy = std::fma(u.penalty, value.at[k], u.scale * gradient.at[k]);
    const T m1 = std::fma(u.rate1, dy - mean.at[k], mean.at[k]);
    const T v1 = std::fma(u.rate2 * dy, dy, u.beta2 * square.at[k]);
    const T spread = std::fma(std::sqrt(v1), u.root, u.epsilon);
    value.at[k] = std::fma(-u.lr, m1 / spread, u.keep * value.at[k]);
    mean.at[k] = m1, square.at[k] = v1;
  }
  cuda::store_pack(p + i, left, value);
  cuda::store_pack(m + i, left, mean);
  cuda::store_pack(v + i, left, square);
}

void adamw_cuda(const Tensor& g, const AdamUpdate& u, Tensor& p, Tensor& m, Tensor& v) {
  check_adamw(g, p, m, v);
  for_float("adamw", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dy = g.data<T>();
    T *x = p.data<T>(), *m1 = m.data<T>(), *m2 = v.data<T>();
    cuda::for_pack_size<T>({dy, x, m1, m2}, [&](auto n) {
      cuda::launch(adamw_kernel<n(), T>, cuda::cover(cuda::divide_up(g.numel(), n())),
                   AdamFactors<T>(u), g.numel(), dy, x, m1, m2);
    });
  });
}

const Implementation registered{adamw, DeviceKind::cuda, &adamw_cuda};

}  // namespace
}  // namespace lw::kernels
