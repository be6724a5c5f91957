// What the elementwise kernels of every device refuse. Internal.
#pragma once

#include "kernels/elementwise/elementwise.h"

namespace lw::kernels {

inline void check_like(const char* name, const Tensor& x, const Tensor& y) {
  check(x.shape() == y.shape() && x.dtype() == y.dtype(), name, ": expected ", y, ", received ", x);
}

inline void check_unary(const Tensor& x, const Tensor& y) { check_like("unary", x, y); }

inline void check_unary_backward(const UnaryFunction& f, const Tensor& dy, const Tensor& kept,
                                 const Tensor& dx) {
  check_like("unary_backward", dy, dx);
  if (keeps_of(f.op) != Keeps::nothing) check_like("unary_backward", kept, dx);
}

inline void check_binary(const Tensor& a, const Tensor& b, const Tensor& y) {
  const Shape shape = broadcast("binary", a.shape(), b.shape());
  check(broadcast("binary", shape, y.shape()) == y.shape() && a.dtype() == y.dtype() &&
            b.dtype() == y.dtype(),
        "binary: ", a, " and ", b, " into ", y);
}

inline void check_binary_backward(const Tensor& dy, const Tensor& da, const Tensor& db) {
  if (da.defined()) check_like("binary_backward", da, dy);
  if (db.defined()) check_like("binary_backward", db, dy);
}

/// Calls f(TypeTag<E>()) for the dtypes that are computed with: f32, f64, bf16.
template <class F>
void for_element(const char* name, DType dtype, const F& f) {
  if (dtype == DType::bf16) return f(TypeTag<bfloat16>());
  for_float(name, dtype, f);
}

}  // namespace lw::kernels
