// One loop over rows serves every function: it reads vectors of the operands, applies a formula
// and writes vectors of the results. An operand that is repeated along the row is read from a
// vector of copies, with a step of zero.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise/elementwise_cpu.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "core/lanes-inl.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/nest.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace math = lw::simd::HWY_NAMESPACE;

#include "kernels/elementwise/binary_ops-inl.h"
#include "kernels/elementwise/unary_ops-inl.h"

/// Applies f(const L in[In], L out[Out]) to `count` elements. Operands are numbered inputs first;
/// each has its first element in `at` and a step of 0 or 1 from an element to the next.
template <class E, size_t In, size_t Out, class F>
void map_row(const std::array<E*, In + Out>& at, const std::array<int64_t, In + Out>& step,
             int64_t count, const F& f) {
  const math::ComputeTag<E> d;
  using L = math::Lanes<math::ComputeTag<E>>;
  constexpr size_t most = hn::MaxLanes(math::ComputeTag<E>());
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN E copies[In + Out][most];
  E* base[In + Out];
  for (size_t n = 0; n < In + Out; ++n) {
    base[n] = step[n] ? at[n] : copies[n];
    if (!step[n]) std::fill_n(copies[n], most, n < In ? *at[n] : E{});
  }
  L in[In], out[Out];
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (size_t n = 0; n < In; ++n) in[n] = math::load(d, base[n] + i * step[n]);
    f(in, out);
    for (size_t n = 0; n < Out; ++n) math::store(out[n], d, base[In + n] + i * step[In + n]);
  }
  if (i == count) return;
  HWY_ALIGN E rest[In + Out][most] = {};
  for (size_t n = 0; n < In; ++n) {
    for (int64_t k = 0; k < count - i; ++k) rest[n][k] = base[n][(i + k) * step[n]];
    in[n] = math::load(d, rest[n]);
  }
  f(in, out);
  for (size_t n = 0; n < Out; ++n) {
    math::store(out[n], d, rest[In + n]);
    for (int64_t k = 0; k < count - i; ++k) base[In + n][(i + k) * step[In + n]] = rest[In + n][k];
  }
}

/// The same for all elements of a result of the given shape; tensors are inputs first.
template <class E, size_t In, size_t Out, class F>
void map(const Shape& shape, const std::array<const Tensor*, In + Out>& tensors, const F& f) {
  const Nest<In + Out> nest(shape, tensors);
  E none{};
  std::array<E*, In + Out> base;
  for (size_t n = 0; n < In + Out; ++n)
    base[n] = tensors[n]->defined() ? static_cast<E*>(tensors[n]->raw()) : &none;
  nest.for_rows([&](const auto& offset, int64_t count) {
    std::array<E*, In + Out> at;
    for (size_t n = 0; n < In + Out; ++n) at[n] = base[n] + offset[n];
    map_row<E, In, Out>(at, nest.row.stride, count, f);
  });
}

template <class Op>
Op make(const UnaryFunction& f) {
  if constexpr (std::is_empty_v<Op>) {
    return {};
  } else {
    return {f.first, f.second};
  }
}

/// The slope from the tensor that the function keeps.
template <class Op, class T>
HWY_INLINE T slope(const Op& op, T kept) {
  if constexpr (requires { op.template slope<T>(); }) {
    return op.template slope<T>();
  } else if constexpr (requires { op.slope_at_output(kept); }) {
    return op.slope_at_output(kept);
  } else {
    return op.slope_at(kept);
  }
}

template <class E>
void unary_of(const UnaryFunction& f, const Tensor& x, Tensor& y) {
  switch (f.op) {
#define LW_CASE(name, Op)                                                            \
  case Unary::name:                                                                  \
    return map<E, 1, 1>(y.shape(), {&x, &y}, [op = make<Op>(f)](const auto* in, auto* out) \
                            HWY_ATTR { out[0] = op.value(in[0]); });
    LW_UNARY_OPS(LW_CASE)
    LW_PARAMETRIC_OPS(LW_CASE)
#undef LW_CASE
  }
}

template <class E>
void unary_backward_of(const UnaryFunction& f, const Tensor& dy, const Tensor& kept, Tensor& dx) {
  switch (f.op) {
#define LW_CASE(name, Op)                                                              \
  case Unary::name:                                                                    \
    return map<E, 2, 1>(dx.shape(), {&dy, &kept, &dx},                                 \
                        [op = make<Op>(f)](const auto* in, auto* out)                  \
                            HWY_ATTR { out[0] = in[0] * slope(op, in[1]); });
    LW_UNARY_OPS(LW_CASE)
    LW_PARAMETRIC_OPS(LW_CASE)
#undef LW_CASE
  }
}

template <class E>
void binary_of(Binary op, const Tensor& a, const Tensor& b, Tensor& y) {
  switch (op) {
#define LW_CASE(name, Op)                                                     \
  case Binary::name:                                                          \
    return map<E, 2, 1>(y.shape(), {&a, &b, &y}, [](const auto* in, auto* out) \
                            HWY_ATTR { out[0] = Op::value(in[0], in[1]); });
    LW_BINARY_OPS(LW_CASE)
#undef LW_CASE
  }
}

template <class E>
void binary_backward_of(Binary op, const Tensor& a, const Tensor& b, const Tensor& dy, Tensor& da,
                        Tensor& db) {
  switch (op) {
#define LW_CASE(name, Op)                                                             \
  case Binary::name:                                                                  \
    return map<E, 3, 2>(dy.shape(), {&a, &b, &dy, &da, &db},                          \
                        [](const auto* in, auto* out) HWY_ATTR {                      \
                          const auto slopes = Op::slopes(in[0], in[1]);               \
                          out[0] = in[2] * slopes.a;                                  \
                          out[1] = in[2] * slopes.b;                                  \
                        });
    LW_BINARY_OPS(LW_CASE)
#undef LW_CASE
  }
}

/// Calls f(TypeTag<E>()) for the dtypes that are computed with.
template <class F>
void for_element(const char* name, DType dtype, const F& f) {
  if (dtype == DType::bf16) return f(TypeTag<bfloat16>());
  for_float(name, dtype, f);
}

void unary_all(const UnaryFunction& f, const Tensor& x, Tensor& y) {
  for_element("unary", x.dtype(),
              [&](auto tag) { unary_of<typename decltype(tag)::type>(f, x, y); });
}
void unary_backward_all(const UnaryFunction& f, const Tensor& dy, const Tensor& kept, Tensor& dx) {
  for_element("unary", dy.dtype(), [&](auto tag) {
    unary_backward_of<typename decltype(tag)::type>(f, dy, kept, dx);
  });
}
void binary_all(Binary op, const Tensor& a, const Tensor& b, Tensor& y) {
  for_element("binary", y.dtype(),
              [&](auto tag) { binary_of<typename decltype(tag)::type>(op, a, b, y); });
}
void binary_backward_all(Binary op, const Tensor& a, const Tensor& b, const Tensor& dy, Tensor& da,
                         Tensor& db) {
  for_element("binary", dy.dtype(), [&](auto tag) {
    binary_backward_of<typename decltype(tag)::type>(op, a, b, dy, da, db);
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

void check_like(const char* name, const Tensor& x, const Tensor& y) {
  check(x.shape() == y.shape() && x.dtype() == y.dtype(), name, ": expected ", y, ", received ", x);
}

void unary_cpu(const UnaryFunction& f, const Tensor& x, Tensor& y) {
  check_like("unary", x, y);
  HWY_DYNAMIC_DISPATCH(unary_all)(f, x, y);
}

void unary_backward_cpu(const UnaryFunction& f, const Tensor& dy, const Tensor& kept, Tensor& dx) {
  check_like("unary_backward", dy, dx);
  if (keeps_of(f.op) != Keeps::nothing) check_like("unary_backward", kept, dx);
  HWY_DYNAMIC_DISPATCH(unary_backward_all)(f, dy, kept, dx);
}

void binary_cpu(Binary op, const Tensor& a, const Tensor& b, Tensor& y) {
  const Shape shape = broadcast("binary", a.shape(), b.shape());
  check(broadcast("binary", shape, y.shape()) == y.shape() && a.dtype() == y.dtype() &&
            b.dtype() == y.dtype(),
        "binary: ", a, " and ", b, " into ", y);
  HWY_DYNAMIC_DISPATCH(binary_all)(op, a, b, y);
}

void binary_backward_cpu(Binary op, const Tensor& a, const Tensor& b, const Tensor& dy, Tensor& da,
                         Tensor& db) {
  if (da.defined()) check_like("binary_backward", da, dy);
  if (db.defined()) check_like("binary_backward", db, dy);
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
