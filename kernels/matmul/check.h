// What every device refuses to multiply. Internal.
#pragma once

#include "kernels/matmul/matmul.h"

namespace lw::kernels {

struct ProductSize {
  int64_t m, n, k;
};

/// Whether the leading axes of an operand broadcast to those of C.
inline bool broadcasts(const Tensor& t, const Tensor& c) {
  const int missing = c.rank() - t.rank();
  for (int i = 0; i < t.rank() - 2; ++i)
    if (missing < 0 || (t.size(i) != 1 && t.size(i) != c.size(i + missing))) return false;
  return missing >= 0;
}

/// The sizes of a product whose arguments fit; others throw Error.
inline ProductSize checked_product(const Tensor& a, const Tensor& b, const MatmulOptions& o,
                                   const Tensor& c) {
  const auto refuse_unless = [&](bool condition, const char* what) {
    check(condition, "matmul: ", what, "\n  A ", a, o.transpose_a ? " transposed" : "", "\n  B ", b,
          o.transpose_b ? " transposed" : "", "\n  C ", c);
  };
  refuse_unless(a.rank() >= 2 && b.rank() >= 2 && c.rank() >= 2, "expected matrices");
  const ProductSize s{c.size(-2), c.size(-1), a.size(o.transpose_a ? -2 : -1)};
  refuse_unless(a.size(o.transpose_a ? -1 : -2) == s.m && b.size(o.transpose_b ? -1 : -2) == s.k &&
                    b.size(o.transpose_b ? -2 : -1) == s.n,
                "the sizes do not fit");
  refuse_unless(broadcasts(a, c) && broadcasts(b, c),
                "the leading axes of A and B do not broadcast to those of C");
  refuse_unless(a.dtype() == b.dtype(), "A and B must have the same dtype");
  refuse_unless(a.dtype() == DType::bf16 ? c.dtype() == DType::f32 || c.dtype() == DType::bf16
                                         : c.dtype() == a.dtype() &&
                                               (a.dtype() == DType::f32 || a.dtype() == DType::f64),
                "expected f32, f64, or bf16 with an f32 or bf16 result");
  check(
      !o.bias.defined() || (o.bias.shape() == Shape{s.n} &&
                            o.bias.dtype() == (c.dtype() == DType::bf16 ? DType::f32 : c.dtype())),
      "matmul: expected a bias of shape ", Shape{s.n}, " and the dtype of the sums, received ",
      o.bias);
  return s;
}

inline void check_column_sums(const Tensor& x, const Tensor& y) {
  check(x.rank() == 2 && y.shape() == Shape{x.size(1)} && x.dtype() == y.dtype(),
        "column_sums: expected x [rows, n] and y [n] of one dtype, received ", x, " and ", y);
}

/// How many elements apart the rows of a matrix lie.
inline int64_t row_pitch(const Tensor& t) {
  return t.size(-2) == 1 ? (t.size(-1) > 1 ? t.size(-1) : 1) : t.stride(-2);
}

}  // namespace lw::kernels
