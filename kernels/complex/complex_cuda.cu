// A thread an element.
#include "core/cuda_launch.h"
#include "core/nest.h"
#include "kernels/complex/functions.h"

namespace lw::kernels {
namespace {

/// An operand, real or complex.
template <class T>
struct Operand {
  T* data;
  int64_t parts;

  explicit Operand(const Tensor& t)
      : data(static_cast<T*>(t.raw())), parts(is_complex(t.dtype()) ? 2 : 1) {}
  __device__ Complex<T> read(int64_t at) const {
    const T* p = data + parts * at;
    return {p[0], parts == 2 ? p[1] : T(0)};
  }
  __device__ void write(int64_t at, Complex<T> value) const {
    T* p = data + parts * at;
    p[0] = value.re;
    if (parts == 2) p[1] = value.im;
  }
};

template <class T>
__global__ void complex_binary_kernel(ComplexBinary f, Nest<3> nest, Operand<T> a, Operand<T> b,
                                      Operand<T> y) {
  const int64_t i = cuda::thread_number();
  if (i >= nest.rows * nest.row.size) return;
  const auto at = nest.place_of(i);
  y.write(at[2], apply(f, a.read(at[0]), b.read(at[1])));
}

template <class T>
__global__ void complex_unary_kernel(ComplexUnary f, Nest<2> nest, Operand<T> x, Operand<T> y) {
  const int64_t i = cuda::thread_number();
  if (i >= nest.rows * nest.row.size) return;
  const auto at = nest.place_of(i);
  y.write(at[1], apply(f, x.read(at[0])));
}

void complex_binary_cuda(const ComplexBinary& f, const Tensor& a, const Tensor& b, Tensor& y) {
  check_complex_binary(a, b, y);
  for_float("complex_binary", real_of(y.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Nest<3> nest(y.shape(), {&a, &b, &y});
    cuda::launch(complex_binary_kernel<T>, cuda::cover(nest.elements()), f, nest, Operand<T>(a),
                 Operand<T>(b), Operand<T>(y));
  });
}

void complex_unary_cuda(ComplexUnary f, const Tensor& x, Tensor& y) {
  check_complex_unary(x, y);
  for_float("complex_unary", real_of(x.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Nest<2> nest(y.shape(), {&x, &y});
    cuda::launch(complex_unary_kernel<T>, cuda::cover(nest.elements()), f, nest, Operand<T>(x),
                 Operand<T>(y));
  });
}

const Implementation cuda[] = {{complex_binary, DeviceKind::cuda, &complex_binary_cuda},
                               {complex_unary, DeviceKind::cuda, &complex_unary_cuda}};

}  // namespace
}  // namespace lw::kernels
