// The update of Adam and AdamW on a GPU: a thread takes 16 bytes of each array. See README.md.
#include "core/cuda_pack.h"
#include "kernels/adamw/adamw.h"

namespace lw::kernels {
namespace {

/// `gradient_scale` and the `factors` of the groups are read where the device has them.
template <int N, class T>
__global__ void adamw_kernel(AdamScalars<T> u, UpdateGroups groups, const double* factors,
                             const double* gradient_scale, int64_t size, const T* g, T* p, T* m,
                             T* v) {
  const int64_t i = N * cuda::thread_number(), left = size - i;
  if (left <= 0 || !std::isfinite(*gradient_scale)) return;
  factors += adam_factors * groups.of(i);
  const T scale = static_cast<T>(*gradient_scale), penalty = static_cast<T>(factors[0]);
  const T keep = static_cast<T>(factors[1]), root = static_cast<T>(factors[2]);
  const T lr = static_cast<T>(factors[3]);
  const auto gradient = cuda::load_pack<N>(g + i, left);
  auto value = cuda::load_pack<N>(p + i, left), mean = cuda::load_pack<N>(m + i, left),
       square = cuda::load_pack<N>(v + i, left);
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const T dy = std::fma(penalty, value.at[k], scale * gradient.at[k]);
    const T m1 = std::fma(u.rate1, dy - mean.at[k], mean.at[k]);
    const T v1 = std::fma(u.rate2 * dy, dy, u.beta2 * square.at[k]);
    const T spread = std::fma(std::sqrt(v1), root, u.epsilon);
    value.at[k] = std::fma(-lr, m1 / spread, keep * value.at[k]);
    mean.at[k] = m1, square.at[k] = v1;
  }
  cuda::store_pack(p + i, left, value);
  cuda::store_pack(m + i, left, mean);
  cuda::store_pack(v + i, left, square);
}

void adamw_cuda(const Tensor& g, const AdamUpdate& u, const UpdateNumbers& numbers, Tensor& p,
                Tensor& m, Tensor& v) {
  check_adamw(g, numbers, p, m, v);
  for_float("adamw", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dy = g.data<T>();
    T *x = p.data<T>(), *m1 = m.data<T>(), *m2 = v.data<T>();
    cuda::for_pack_size<T>({dy, x, m1, m2}, [&](auto n) {
      cuda::launch(adamw_kernel<n(), T>, cuda::cover(cuda::divide_up(g.numel(), n())),
                   AdamScalars<T>(u), numbers.groups, numbers.factors.data<double>(),
                   numbers.scale.data<double>(), g.numel(), dy, x, m1, m2);
    });
  });
}

const Implementation registered{adamw, DeviceKind::cuda, &adamw_cuda};

}  // namespace
}  // namespace lw::kernels
