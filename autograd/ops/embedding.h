// Looks up the vectors of tokens.
//
//   y[..., :] = table[ids[...], :]
//
// Shapes: table [vocabulary, d], ids i64 [...], y [..., d]. dtypes of the table: f32 or f64; or, where nothing is
// differentiated, bf16 or int8 rows (kernels/quantize), and y is f32.
// Cost: one copy; the gradient reads dy and writes a dense gradient of the table.
// Deterministic, gradient included, without atomics: see kernels/embedding/README.md.
// Errors: an id outside [0, vocabulary) is refused with its position (ErrorKind::data).
#pragma once

#include "autograd/variable.h"

namespace lw {

Variable embedding(const Variable& table, const Tensor& ids);

}  // namespace lw
