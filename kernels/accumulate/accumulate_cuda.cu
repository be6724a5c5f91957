#include "core/cuda_element.h"
#include "core/cuda_launch.h"
#include "core/nest.h"
#include "kernels/accumulate/accumulate.h"

namespace lw::kernels {
namespace {

template <class T>
__global__ void accumulate_kernel(Nest<2> nest, const T* x, T* y) {
  const int64_t i = cuda::thread_number();
  if (i >= nest.rows * nest.row.size) return;
  const auto at = nest.place_of(i);
  if constexpr (std::is_same_v<T, bfloat16>) {
    y[at[1]] = bfloat16(static_cast<float>(y[at[1]]) + static_cast<float>(x[at[0]]));
  } else {
    y[at[1]] = y[at[1]] + x[at[0]];
  }
}

void accumulate_cuda(const Tensor& x, Tensor& y) {
  check_accumulate(x, y);
  if (x.numel() == 0) return;
  for_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (is_floating(dtype_of<T>) || is_complex(dtype_of<T>)) {
      using E = cuda::Element<T>;
      const Nest<2> nest(y.shape(), {&x, &y});
      cuda::launch(accumulate_kernel<E>, cuda::cover(nest.elements()), nest,
                   static_cast<const E*>(x.raw()), static_cast<E*>(y.raw()));
    }
  });
}

const Implementation cuda{accumulate, DeviceKind::cuda, &accumulate_cuda};

}  // namespace
}  // namespace lw::kernels
