#include "core/cuda_element.h"
#include "core/cuda_launch.h"
#include "core/tensor_elements.h"

namespace lw {
namespace {

using cuda::Element;

/// Sizes and strides of a tensor and of a second one of its shape, axes that can be walked in one
/// step joined.
struct Walk {
  int rank = 0;
  int64_t sizes[Shape::max_rank] = {}, x[Shape::max_rank] = {}, y[Shape::max_rank] = {};

  Walk(const Tensor& a, const Tensor& b) {
    for (int axis = 0; axis < a.rank(); ++axis) {
      const int64_t size = a.size(axis), step_x = a.stride(axis), step_y = b.stride(axis);
      if (size == 1) continue;
      if (rank > 0 && x[rank - 1] == size * step_x && y[rank - 1] == size * step_y) {
        sizes[rank - 1] *= size, x[rank - 1] = step_x, y[rank - 1] = step_y;
      } else {
        sizes[rank] = size, x[rank] = step_x, y[rank] = step_y;
        ++rank;
      }
    }
  }

  /// Where element number i of the walk lies in either.
  LW_HOST_DEVICE void place(int64_t i, int64_t& in_x, int64_t& in_y) const {
    in_x = in_y = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const int64_t rest = axis == 0 ? 0 : i / sizes[axis];
      const int64_t index = i - rest * sizes[axis];
      in_x += index * x[axis], in_y += index * y[axis];
      i = rest;
    }
  }
};

template <class T>
__global__ void fill_kernel(T value, T* y, Walk walk, int64_t count) {
  const int64_t i = cuda::thread_number();
  if (i >= count) return;
  int64_t from, to;
  walk.place(i, from, to);
  y[to] = value;
}

template <class From, class To>
__global__ void copy_kernel(const From* x, To* y, Walk walk, int64_t count) {
  const int64_t i = cuda::thread_number();
  if (i >= count) return;
  int64_t from, to;
  walk.place(i, from, to);
  y[to] = cuda::convert_element<To>(x[from]);
}

void fill_cuda(double value, Tensor& y) {
  for_dtype(y.dtype(), [&](auto tag) {
    using T = Element<typename decltype(tag)::type>;
    cuda::launch(fill_kernel<T>, cuda::cover(y.numel()), cuda::convert_element<T>(value),
                 reinterpret_cast<T*>(y.raw()), Walk(y, y), y.numel());
  });
}

void copy_cuda(const Tensor& x, Tensor& y) {
  for_dtype(y.dtype(), [&](auto to_tag) {
    for_dtype(x.dtype(), [&](auto from_tag) {
      using To = Element<typename decltype(to_tag)::type>;
      using From = Element<typename decltype(from_tag)::type>;
      cuda::launch(copy_kernel<From, To>, cuda::cover(y.numel()),
                   reinterpret_cast<const From*>(x.raw()), reinterpret_cast<To*>(y.raw()),
                   Walk(x, y), y.numel());
    });
  });
}

const Implementation fill{fill_elements, DeviceKind::cuda, &fill_cuda};
const Implementation copy{copy_elements, DeviceKind::cuda, &copy_cuda};

}  // namespace
}  // namespace lw
