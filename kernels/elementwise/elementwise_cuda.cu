// A thread an element. bf16 is computed in f32.
#include "core/cuda_launch.h"
#include "core/nest.h"
#include "kernels/elementwise/checks.h"
#include "kernels/elementwise/functions_cuda.h"

namespace lw::kernels {
namespace {

template <class E>
using Computed = std::conditional_t<std::is_same_v<E, bfloat16>, float, E>;

/// An operand; one that is missing is read as 0, and what is written to it is lost.
template <class E>
struct Operand {
  E* data;

  explicit Operand(const Tensor& t) : data(t.defined() ? static_cast<E*>(t.raw()) : nullptr) {}
  __device__ Computed<E> read(int64_t at) const {
    return data ? static_cast<Computed<E>>(data[at]) : Computed<E>(0);
  }
  __device__ void write(int64_t at, Computed<E> value) const {
    if (data) data[at] = static_cast<E>(value);
  }
};

template <class Op, class E>
__global__ void unary_kernel(Numbers numbers, Nest<2> nest, Operand<E> x, Operand<E> y) {
  const int64_t i = cuda::thread_number();
  if (i >= nest.rows * nest.row.size) return;
  const auto at = nest.place_of(i);
  y.write(at[1], make<Op>(numbers).value(x.read(at[0])));
}

template <class Op, class E>
__global__ void unary_backward_kernel(Numbers numbers, Nest<3> nest, Operand<E> dy, Operand<E> kept,
                                      Operand<E> dx) {
  const int64_t i = cuda::thread_number();
  if (i >= nest.rows * nest.row.size) return;
  const auto at = nest.place_of(i);
  dx.write(at[2], dy.read(at[0]) * slope(make<Op>(numbers), kept.read(at[1])));
}

template <class Op, class E>
__global__ void binary_kernel(Nest<3> nest, Operand<E> a, Operand<E> b, Operand<E> y) {
  const int64_t i = cuda::thread_number();
  if (i >= nest.rows * nest.row.size) return;
  const auto at = nest.place_of(i);
  y.write(at[2], Op::value(a.read(at[0]), b.read(at[1])));
}

template <class Op, class E>
__global__ void binary_backward_kernel(Nest<5> nest, Operand<E> a, Operand<E> b, Operand<E> dy,
                                       Operand<E> da, Operand<E> db) {
  const int64_t i = cuda::thread_number();
  if (i >= nest.rows * nest.row.size) return;
  const auto at = nest.place_of(i);
  const auto slopes = Op::slopes(a.read(at[0]), b.read(at[1]));
  const Computed<E> g = dy.read(at[2]);
  da.write(at[3], g * slopes.a);
  db.write(at[4], g * slopes.b);
}

// The kernels of all functions, in the order of the enumerators.
#define LW_UNARY(name, Op) &unary_kernel<Op, E>,
#define LW_UNARY_BACKWARD(name, Op) &unary_backward_kernel<Op, E>,
#define LW_BINARY(name, Op) &binary_kernel<Op, E>,
#define LW_BINARY_BACKWARD(name, Op) &binary_backward_kernel<Op, E>,
template <class E>
auto unary_kernel_of(Unary op) {
  constexpr decltype(&unary_kernel<Neg, E>) kernels[] = {LW_UNARY_OPS(LW_UNARY)
                                                             LW_PARAMETRIC_OPS(LW_UNARY)};
  return kernels[static_cast<int>(op)];
}
template <class E>
auto unary_backward_kernel_of(Unary op) {
  constexpr decltype(&unary_backward_kernel<Neg, E>) kernels[] = {
      LW_UNARY_OPS(LW_UNARY_BACKWARD) LW_PARAMETRIC_OPS(LW_UNARY_BACKWARD)};
  return kernels[static_cast<int>(op)];
}
template <class E>
auto binary_kernel_of(Binary op) {
  constexpr decltype(&binary_kernel<Add, E>) kernels[] = {LW_BINARY_OPS(LW_BINARY)};
  return kernels[static_cast<int>(op)];
}
template <class E>
auto binary_backward_kernel_of(Binary op) {
  constexpr decltype(&binary_backward_kernel<Add, E>) kernels[] = {
      LW_BINARY_OPS(LW_BINARY_BACKWARD)};
  return kernels[static_cast<int>(op)];
}
#undef LW_UNARY
#undef LW_UNARY_BACKWARD
#undef LW_BINARY
#undef LW_BINARY_BACKWARD

void unary_cuda(const UnaryFunction& f, const Tensor& x, Tensor& y) {
  check_unary(x, y);
  for_element("unary", x.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    const Nest<2> nest(y.shape(), {&x, &y});
    cuda::launch(unary_kernel_of<E>(f.op), cuda::cover(nest.elements()), Numbers{f.first, f.second},
                 nest, Operand<E>(x), Operand<E>(y));
  });
}

void unary_backward_cuda(const UnaryFunction& f, const Tensor& dy, const Tensor& kept, Tensor& dx) {
  check_unary_backward(f, dy, kept, dx);
  for_element("unary_backward", dy.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    const Nest<3> nest(dx.shape(), {&dy, &kept, &dx});
    cuda::launch(unary_backward_kernel_of<E>(f.op), cuda::cover(nest.elements()),
                 Numbers{f.first, f.second}, nest, Operand<E>(dy), Operand<E>(kept),
                 Operand<E>(dx));
  });
}

void binary_cuda(Binary op, const Tensor& a, const Tensor& b, Tensor& y) {
  check_binary(a, b, y);
  for_element("binary", y.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    const Nest<3> nest(y.shape(), {&a, &b, &y});
    cuda::launch(binary_kernel_of<E>(op), cuda::cover(nest.elements()), nest, Operand<E>(a),
                 Operand<E>(b), Operand<E>(y));
  });
}

void binary_backward_cuda(Binary op, const Tensor& a, const Tensor& b, const Tensor& dy, Tensor& da,
                          Tensor& db) {
  check_binary_backward(dy, da, db);
  for_element("binary_backward", dy.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    const Nest<5> nest(dy.shape(), {&a, &b, &dy, &da, &db});
    cuda::launch(binary_backward_kernel_of<E>(op), cuda::cover(nest.elements()), nest,
                 Operand<E>(a), Operand<E>(b), Operand<E>(dy), Operand<E>(da), Operand<E>(db));
  });
}

const Implementation cuda[] = {{unary, DeviceKind::cuda, &unary_cuda},
                               {unary_backward, DeviceKind::cuda, &unary_backward_cuda},
                               {binary, DeviceKind::cuda, &binary_cuda},
                               {binary_backward, DeviceKind::cuda, &binary_backward_cuda}};

}  // namespace
}  // namespace lw::kernels
