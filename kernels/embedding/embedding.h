// Rows of a table, by number.
//
//   y[i] = table[ids[i]]          dtable[v] = sum of dy[i] over the i with ids[i] = v
//
// Shapes: table, dtable [vocabulary, d], y, dy [n, d], ids i64 [n], in range (the caller checks).
// dtypes: f32 or f64; forward also reads a table in bf16 or as int8 rows (kernels/quantize) to a y
// in f32. table and dy may be pitched.
// Cost: forward moves n rows; backward reads n rows and writes all of dtable.
// Deterministic without atomics: each row of dtable has one owner, who adds in the order of i, on a
// GPU in eight slices of it.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

inline Kernel<void(const Tensor& table, const Tensor& ids, Tensor& y)> embedding_forward{
    "embedding_forward"};

/// Writes every row of dtable; those that no id names become zero.
inline Kernel<void(const Tensor& dy, const Tensor& ids, Tensor& dtable)> embedding_backward{
    "embedding_backward"};

}  // namespace lw::kernels
