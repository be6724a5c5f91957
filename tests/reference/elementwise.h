// The functions of each element, one number at a time in double: the same text as the kernels', with
// T = double and the standard library's mathematics, in a loop that indexes naively.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/elementwise/elementwise.h"

namespace lw::reference {
namespace scalar {

using std::cos, std::erf, std::exp, std::expm1, std::fabs, std::fma, std::log, std::log1p, std::pow,
    std::sin, std::sqrt, std::tanh;
inline double select(bool condition, double a, double b) { return condition ? a : b; }

#include "kernels/elementwise/binary_ops-inl.h"
#include "kernels/elementwise/unary_ops-inl.h"

}  // namespace scalar

inline double unary(kernels::Unary op, double x) {
  switch (op) {
#define LW_CASE(name, Op)    \
  case kernels::Unary::name: \
    return scalar::Op::value(x);
    LW_UNARY_OPS(LW_CASE)
#undef LW_CASE
    default:
      throw Error("reference: a function with parameters");
  }
}

inline double binary(kernels::Binary op, double a, double b) {
  switch (op) {
#define LW_CASE(name, Op)     \
  case kernels::Binary::name: \
    return scalar::Op::value(a, b);
    LW_BINARY_OPS(LW_CASE)
#undef LW_CASE
  }
  return 0;
}

/// The element of `x`, broadcast to `shape`, at a row-major index of the result.
inline double element(const std::vector<double>& x, const Shape& own, const Shape& shape,
                      int64_t index) {
  int64_t at = 0, step = 1;
  for (int axis = shape.rank() - 1, k = own.rank() - 1; k >= 0; --axis, --k) {
    if (own[k] != 1) at += index % shape[axis] * step;
    step *= own[k];
    index /= shape[axis];
  }
  return x[static_cast<size_t>(at)];
}

inline std::vector<double> binary(kernels::Binary op, const Tensor& a, const Tensor& b) {
  const Shape shape = broadcast("reference", a.shape(), b.shape());
  const std::vector<double> as = a.to_vector(), bs = b.to_vector();
  std::vector<double> y;
  for (int64_t i = 0; i < shape.numel(); ++i)
    y.push_back(binary(op, element(as, a.shape(), shape, i), element(bs, b.shape(), shape, i)));
  return y;
}

}  // namespace lw::reference
