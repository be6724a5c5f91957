// quantize: a matrix as int8 rows, a quarter of its memory in f32.
//
//   q[j, i] = round(w[j, i] / s[j]),   s[j] = max_i |w[j, i]| / 127        w^ = s q
//
// A tensor of int8 rows is u8 [rows, columns]; its bytes are whole numbers in two's complement, and
// each row is followed by its factor s in f32, in the gap that the pitch leaves: who reads a row
// reads its factor along with it. Such a tensor cannot be made contiguous.
// Shapes: w [rows, columns] f32, may be pitched.
// Error: |w^ - w| <= s / 2, that is max |w| / 254, in each element; a row of zeros stays zeros.
// Cost: one pass. Deterministic: rows are independent of each other.
// Errors: other dtypes and ranks, and values that are not finite, are refused.
#pragma once

#include <cstring>

#include "core/kernel.h"

namespace lw::kernels {

/// Bytes from one int8 row to the next: the elements, up to a multiple of 4, and the factor.
constexpr int64_t int8_pitch(int64_t columns) { return (columns + 3) / 4 * 4 + 4; }

/// Room for int8 rows: [rows, int8_pitch] without its gap. The contents are unspecified.
Tensor empty_int8_rows(int64_t rows, int64_t columns, Device device = default_device());

bool has_int8_rows(const Tensor& t);

/// The factor of a row, given its first element and the distance to the next row.
LW_HOST_DEVICE inline float row_factor(const int8_t* row, int64_t pitch) {
  float factor;
  std::memcpy(&factor, row + pitch - sizeof factor, sizeof factor);
  return factor;
}

/// w f32 -> q int8 rows of its shape.
inline Kernel<void(const Tensor& w, Tensor& q)> quantize_rows{"quantize_rows"};

/// q int8 rows, or bf16 -> w f32 of its shape.
inline Kernel<void(const Tensor& q, Tensor& w)> widen_rows{"widen_rows"};

/// Refuse arguments that do not fit.
void check_quantize(const Tensor& w, const Tensor& q);
void check_widen(const Tensor& q, const Tensor& w);

}  // namespace lw::kernels
