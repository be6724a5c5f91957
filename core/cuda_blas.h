// gemm: matrix products on a GPU, as a library computes them: cuBLASLt, or a naive stand-in in the
// tests of a build without CUDA (tests/emulator). Internal.
//
//   C_i <- alpha op(A_i) op(B_i) + beta C_i + bias 1^T,    i = 0 ... batch - 1,   op(X) = X or X^T
//
// Everything is column-major: element (r, c) of a matrix lies at data[r + c * pitch], and matrix i of
// a batch `step` elements after matrix i - 1; the step of an operand may be 0.
// Shapes: op(A) m x k, op(B) k x n, C m x n, bias [m]: one number for each row. All sizes are >= 1.
// dtypes: f32 with f32, f64 with f64, bf16 with f32 or bf16 results; the bias, of C's dtype, not in
// f64. Sums are formed in f32, and in f64 for f64.
// Deterministic: the algorithm is chosen once for the sizes, pitches, dtypes and alignments; where it
// cuts k, the parts are added in order.
// Errors: what the library refuses throws Error.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace lw::cuda {

/// A and B as they are stored; `transposed`: A is stored k x m, B n x k.
struct GemmOperand {
  const void* data;
  int64_t pitch;
  bool transposed = false;
  int64_t step = 0;
};

struct Gemm {
  DType operands = DType::f32, result = DType::f32;
  int64_t m, n, k, batch = 1;
  GemmOperand a, b;
  void* c;
  int64_t c_pitch, c_step = 0;
  const void* bias = nullptr;  ///< null: none
  double alpha = 1, beta = 0;  ///< beta = 0 does not read C
  bool tf32 = false;           ///< f32 operands may be rounded to 10 bits of fraction
};

/// Starts the product on the thread's device.
void gemm(const Gemm& gemm);

}  // namespace lw::cuda
