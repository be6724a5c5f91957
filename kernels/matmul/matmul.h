// Matrix products.
//
//   C <- alpha op(A) op(B) + beta C + bias          op(X) = X or its transpose
//
// Shapes: op(A) [..., m, k], op(B) [..., k, n], C [..., m, n], bias [n] or undefined. The leading
// axes of A and B are broadcast, as NumPy does, to those of C. All may be pitched.
// dtypes: f32, f64; or A and B bf16 with C f32 or bf16, sums in fp32. The bias has C's dtype, but
// f32 for a bf16 C.
// beta = 0 does not read C; beta = 1 adds to it in place.
// Cost: 2 m n k operations a product, through oneDNN (f32, bf16) and Eigen (f64), on a GPU through
// cuBLASLt.
// Deterministic: C, and a long k where C is small, are cut into tiles chosen by the sizes alone, on a
// GPU by sizes, pitches and alignments; the parts of a cut k are added in order.
// Errors: sizes, dtypes or leading axes that do not fit are refused, naming all three shapes.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct MatmulOptions {
  bool transpose_a = false;  ///< A is stored [..., k, m]
  bool transpose_b = false;  ///< B is stored [..., n, k]
  double alpha = 1;
  double beta = 0;
  bool tf32 = false;  ///< f32 operands may lose all but 10 bits of fraction, where that is faster
  Tensor bias;        ///< added to every row of C; undefined: none
};

inline Kernel<void(const Tensor& a, const Tensor& b, const MatmulOptions&, Tensor& c)> matmul{
    "matmul"};

/// y[j] = sum_i x[i, j], the gradient of a bias. x [rows, n] may be pitched, f32 or f64; y [n].
/// Deterministic: rows are summed in chunks of a fixed size, the chunks in order.
inline Kernel<void(const Tensor& x, Tensor& y)> column_sums{"column_sums"};

}  // namespace lw::kernels
