#include "core/cuda_element.h"
#include "core/cuda_launch.h"
#include "core/nest.h"
#include "core/tensor_elements.h"

namespace lw {
namespace {

using cuda::Element;

template <class T>
__global__ void fill_kernel(T value, T* y, Nest<1> nest, int64_t count) {
  const int64_t i = cuda::thread_number();
  if (i < count) y[nest.place_of(i)[0]] = value;
}

template <class From, class To>
__global__ void copy_kernel(const From* x, To* y, Nest<2> nest, int64_t count) {
  const int64_t i = cuda::thread_number();
  if (i >= count) return;
  const auto at = nest.place_of(i);
  y[at[1]] = cuda::convert_element<To>(x[at[0]]);
}

void fill_cuda(double value, Tensor& y) {
  for_dtype(y.dtype(), [&](auto tag) {
    using T = Element<typename decltype(tag)::type>;
    cuda::launch(fill_kernel<T>, cuda::cover(y.numel()), cuda::convert_element<T>(value),
                 reinterpret_cast<T*>(y.raw()), Nest<1>(y.shape(), {&y}), y.numel());
  });
}

void copy_cuda(const Tensor& x, Tensor& y) {
  for_dtype(y.dtype(), [&](auto to_tag) {
    for_dtype(x.dtype(), [&](auto from_tag) {
      using To = Element<typename decltype(to_tag)::type>;
      using From = Element<typename decltype(from_tag)::type>;
      cuda::launch(copy_kernel<From, To>, cuda::cover(y.numel()),
                   reinterpret_cast<const From*>(x.raw()), reinterpret_cast<To*>(y.raw()),
                   Nest<2>(y.shape(), {&x, &y}), y.numel());
    });
  });
}

const Implementation fill{fill_elements, DeviceKind::cuda, &fill_cuda};
const Implementation copy{copy_elements, DeviceKind::cuda, &copy_cuda};

}  // namespace
}  // namespace lw
