// A function is compiled to a bare loop over whole vectors, and to nothing else. All that surrounds
// it is common to all functions: rows, threads, ends of rows, and bf16, which a loop meets as f32
// in a buffer. An operand that is repeated along a row is read from a vector of copies, with a step
// of zero, so that one loop serves every pattern of broadcasting.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise/elementwise_cpu.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include <algorithm>

#include "core/lanes-inl.h"
#include "core/nest.h"
#include "kernels/elementwise/checks.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace math = lw::simd::HWY_NAMESPACE;

#include "kernels/elementwise/binary_ops-inl.h"
#include "kernels/elementwise/functions-inl.h"
#include "kernels/elementwise/unary_ops-inl.h"

/// Computes `count` elements, a multiple of the lanes. Operands come inputs first; each has its
/// first element in `at` and a step of 0 or 1 from an element to the next.
template <class T>
using Loop = void (*)(const Numbers& numbers, T* const* at, const int64_t* step, int64_t count);

template <class T>
using D = hn::ScalableTag<T>;
template <class T>
int64_t lanes() {
  return static_cast<int64_t>(hn::Lanes(D<T>()));
}

template <class Op, class T>
void unary_loop(const Numbers& numbers, T* const* at, const int64_t* step, int64_t count) {
  const Op op = make<Op>(numbers);
  for (int64_t i = 0; i < count; i += lanes<T>())
    math::store(op.value(math::load(D<T>(), at[0] + i * step[0])), D<T>(), at[1] + i * step[1]);
}

template <class Op, class T>
void unary_backward_loop(const Numbers& numbers, T* const* at, const int64_t* step, int64_t count) {
  const Op op = make<Op>(numbers);
  for (int64_t i = 0; i < count; i += lanes<T>()) {
    const auto dy = math::load(D<T>(), at[0] + i * step[0]);
    const auto kept = math::load(D<T>(), at[1] + i * step[1]);
    math::store(dy * slope(op, kept), D<T>(), at[2] + i * step[2]);
  }
}

template <class Op, class T>
void binary_loop(const Numbers&, T* const* at, const int64_t* step, int64_t count) {
  for (int64_t i = 0; i < count; i += lanes<T>()) {
    const auto a = math::load(D<T>(), at[0] + i * step[0]);
    const auto b = math::load(D<T>(), at[1] + i * step[1]);
    math::store(Op::value(a, b), D<T>(), at[2] + i * step[2]);
  }
}

template <class Op, class T>
void binary_backward_loop(const Numbers&, T* const* at, const int64_t* step, int64_t count) {
  for (int64_t i = 0; i < count; i += lanes<T>()) {
    const auto a = math::load(D<T>(), at[0] + i * step[0]);
    const auto b = math::load(D<T>(), at[1] + i * step[1]);
    const auto dy = math::load(D<T>(), at[2] + i * step[2]);
    const auto slopes = Op::slopes(a, b);
    math::store(dy * slopes.a, D<T>(), at[3] + i * step[3]);
    math::store(dy * slopes.b, D<T>(), at[4] + i * step[4]);
  }
}

// The loops of all functions, in the order of the enumerators.
#define LW_UNARY(name, Op) &unary_loop<Op, T>,
#define LW_UNARY_BACKWARD(name, Op) &unary_backward_loop<Op, T>,
#define LW_BINARY(name, Op) &binary_loop<Op, T>,
#define LW_BINARY_BACKWARD(name, Op) &binary_backward_loop<Op, T>,
template <class T>
constexpr Loop<T> unary_loops[] = {LW_UNARY_OPS(LW_UNARY) LW_PARAMETRIC_OPS(LW_UNARY)};
template <class T>
constexpr Loop<T> unary_backward_loops[] = {LW_UNARY_OPS(LW_UNARY_BACKWARD)
                                                LW_PARAMETRIC_OPS(LW_UNARY_BACKWARD)};
template <class T>
constexpr Loop<T> binary_loops[] = {LW_BINARY_OPS(LW_BINARY)};
template <class T>
constexpr Loop<T> binary_backward_loops[] = {LW_BINARY_OPS(LW_BINARY_BACKWARD)};
#undef LW_UNARY
#undef LW_UNARY_BACKWARD
#undef LW_BINARY
#undef LW_BINARY_BACKWARD

template <class E>
using Computed = hn::TFromD<math::ComputeTag<E>>;  // f32 for bf16

constexpr int64_t buffered = 512;  // elements of an operand that a buffer holds

/// A row by way of buffers: for bf16, and for the end of a row.
template <class E, size_t In, size_t Out>
void map_in_buffers(Loop<Computed<E>> loop, const Numbers& numbers,
                    const std::array<E*, In + Out>& at, const std::array<int64_t, In + Out>& step,
                    int64_t begin, int64_t end) {
  using T = Computed<E>;
  HWY_ALIGN T memory[In + Out][buffered];
  T* buffers[In + Out];
  int64_t ones[In + Out];
  for (size_t n = 0; n < In + Out; ++n) buffers[n] = memory[n], ones[n] = 1;
  for (; begin < end; begin += buffered) {
    const int64_t count = std::min(buffered, end - begin);
    const int64_t whole = (count + lanes<T>() - 1) / lanes<T>() * lanes<T>();
    for (size_t n = 0; n < In; ++n) {
      for (int64_t i = 0; i < count; ++i)
        memory[n][i] = static_cast<T>(at[n][(begin + i) * step[n]]);
      std::fill(memory[n] + count, memory[n] + whole, T{1});
    }
    loop(numbers, buffers, ones, whole);
    for (size_t n = In; n < In + Out; ++n)
      for (int64_t i = 0; i < count; ++i)
        at[n][(begin + i) * step[n]] = static_cast<E>(memory[n][i]);
  }
}

template <class E, size_t In, size_t Out>
void map_row(Loop<Computed<E>> loop, const Numbers& numbers, const std::array<E*, In + Out>& at,
             const std::array<int64_t, In + Out>& step, int64_t count) {
  int64_t whole = 0;
  if constexpr (std::is_same_v<E, Computed<E>>) {
    HWY_ALIGN E copies[In + Out][hn::MaxLanes(D<E>())];
    E* base[In + Out];
    for (size_t n = 0; n < In + Out; ++n) {
      base[n] = step[n] ? at[n] : copies[n];
      if (!step[n]) std::fill(std::begin(copies[n]), std::end(copies[n]), *at[n]);
    }
    whole = count / lanes<E>() * lanes<E>();
    loop(numbers, base, step.data(), whole);
  }
  if (whole < count) map_in_buffers<E, In, Out>(loop, numbers, at, step, whole, count);
}

/// All elements of a result of the given shape. Tensors come inputs first; an undefined one is read
/// as 0, and what is written to it is lost.
template <class E, size_t In, size_t Out>
void map(Loop<Computed<E>> loop, const Numbers& numbers, const Shape& shape,
         const std::array<const Tensor*, In + Out>& tensors) {
  const Nest<In + Out> nest(shape, tensors);
  nest.for_rows([&](const auto& offset, int64_t count) {
    E none[In + Out] = {};
    std::array<E*, In + Out> at;
    for (size_t n = 0; n < In + Out; ++n)
      at[n] = tensors[n]->defined() ? static_cast<E*>(tensors[n]->raw()) + offset[n] : &none[n];
    map_row<E, In, Out>(loop, numbers, at, nest.row.stride, count);
  });
}

void unary_all(const UnaryFunction& f, const Tensor& x, Tensor& y) {
  for_element("unary", x.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    const Numbers numbers{f.first, f.second};
    map<E, 1, 1>(unary_loops<Computed<E>>[static_cast<int>(f.op)], numbers, y.shape(), {&x, &y});
  });
}

void unary_backward_all(const UnaryFunction& f, const Tensor& dy, const Tensor& kept, Tensor& dx) {
  for_element("unary_backward", dy.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    const Numbers numbers{f.first, f.second};
    map<E, 2, 1>(unary_backward_loops<Computed<E>>[static_cast<int>(f.op)], numbers, dx.shape(),
                 {&dy, &kept, &dx});
  });
}

void binary_all(Binary op, const Tensor& a, const Tensor& b, Tensor& y) {
  for_element("binary", y.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    map<E, 2, 1>(binary_loops<Computed<E>>[static_cast<int>(op)], {}, y.shape(), {&a, &b, &y});
  });
}

void binary_backward_all(Binary op, const Tensor& a, const Tensor& b, const Tensor& dy, Tensor& da,
                         Tensor& db) {
  for_element("binary_backward", dy.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    map<E, 3, 2>(binary_backward_loops<Computed<E>>[static_cast<int>(op)], {}, dy.shape(),
                 {&a, &b, &dy, &da, &db});
  });
}

template <class Op>
Keeps keeps() {
  if (requires { Op::template slope<double>(); }) return Keeps::nothing;
  if (requires(Op op) { op.slope_at_output(0.); }) return Keeps::output;
  return Keeps::input;
}

Keeps keeps_all(Unary op) {
  switch (op) {
#define LW_CASE(name, Op) \
  case Unary::name:       \
    return keeps<Op>();
    LW_UNARY_OPS(LW_CASE)
    LW_PARAMETRIC_OPS(LW_CASE)
#undef LW_CASE
  }
  return Keeps::input;
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(unary_all);
HWY_EXPORT(unary_backward_all);
HWY_EXPORT(binary_all);
HWY_EXPORT(binary_backward_all);

void unary_cpu(const UnaryFunction& f, const Tensor& x, Tensor& y) {
  check_unary(x, y);
  HWY_DYNAMIC_DISPATCH(unary_all)(f, x, y);
}

void unary_backward_cpu(const UnaryFunction& f, const Tensor& dy, const Tensor& kept, Tensor& dx) {
  check_unary_backward(f, dy, kept, dx);
  HWY_DYNAMIC_DISPATCH(unary_backward_all)(f, dy, kept, dx);
}

void binary_cpu(Binary op, const Tensor& a, const Tensor& b, Tensor& y) {
  check_binary(a, b, y);
  HWY_DYNAMIC_DISPATCH(binary_all)(op, a, b, y);
}

void binary_backward_cpu(Binary op, const Tensor& a, const Tensor& b, const Tensor& dy, Tensor& da,
                         Tensor& db) {
  check_binary_backward(dy, da, db);
  HWY_DYNAMIC_DISPATCH(binary_backward_all)(op, a, b, dy, da, db);
}

const Implementation cpu[] = {{unary, DeviceKind::cpu, &unary_cpu},
                              {unary_backward, DeviceKind::cpu, &unary_backward_cpu},
                              {binary, DeviceKind::cpu, &binary_cpu},
                              {binary_backward, DeviceKind::cpu, &binary_backward_cpu}};

}  // namespace

Keeps keeps_of(Unary op) { return HWY_STATIC_DISPATCH(keeps_all)(op); }

}  // namespace lw::kernels
#endif  // HWY_ONCE
