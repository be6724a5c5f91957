// skip_gelu on a GPU: a thread an element forward; backward the sum for D and the other gradients in one walk down the
// rows. See README.md, "On a GPU".
#include "kernels/elementwise/functions_cuda.h"
#include "kernels/skip_gelu/skip_gelu.h"
#include "kernels/sum_rows_cuda.h"

namespace lw::kernels {
namespace {

template <class T>
struct Arguments {
  View<const T, 2> x, u;
  View<const T, 1> D;

  explicit Arguments(const SkipGelu& in)
      : x(in.x.view<const T, 2>()), u(in.u.view<const T, 2>()), D(in.D.view<const T, 1>()) {}
  __device__ T before(int64_t row, int64_t c) const { return fma(D(c), u(row, c), x(row, c)); }
};

template <class T>
__global__ void forward_kernel(Arguments<T> in, View<T, 2> y) {
  const int64_t i = cuda::thread_number(), row = i / y.sizes[1], c = i % y.sizes[1];
  if (row < y.sizes[0]) y(row, c) = Gelu::value(in.before(row, c));
}

/// Writes the gradients of x and u where it passes, and adds up that of D.
template <class T>
struct Gradient {
  using Element = T;
  static constexpr int count = 1;
  Arguments<T> in;
  View<const T, 2> dy;
  View<T, 2> dx, du;

  __device__ void add(int64_t row, int64_t c, T* sums) const {
    const T dv = dy(row, c) * Gelu::slope_at(in.before(row, c));
    dx(row, c) = dv;
    du(row, c) = in.D(c) * dv;
    sums[0] = fma(dv, in.u(row, c), sums[0]);
  }
};

void forward(const SkipGelu& in, Tensor& y) {
  for_float("skip_gelu", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(forward_kernel<T>, cuda::cover(y.numel()), Arguments<T>(in), y.view<T, 2>());
  });
}

void backward(const SkipGelu& in, const Tensor& dy, SkipGeluGradients& out) {
  for_float("skip_gelu", dy.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    sum_rows(RowPlan(dy),
             Gradient<T>{Arguments<T>(in), dy.view<const T, 2>(), out.x.view<T, 2>(),
                         out.u.view<T, 2>()},
             out.D);
  });
}

const Implementation on_cuda[] = {{skip_gelu_forward, DeviceKind::cuda, &forward},
                                  {skip_gelu_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
