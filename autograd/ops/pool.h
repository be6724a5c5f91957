// pool: one vector for a sequence, its mean over time or its last step.
//
//   mean_pool(x, lengths)[b, c] = sum_{t < lengths[b]} x[b, t, c] / lengths[b]
//   last_step(x, lengths)[b, c] = x[b, lengths[b] - 1, c]
//
// Shapes: x [batch, time, channel] to [batch, channel]; lengths [batch], of dtype i64, or undefined:
// every sequence then has all of `time`. dtypes of x: f32, f64, bf16. Cost: mean_pool reads the
// steps that count once; what lies after a sequence's end is not read, NaN included. Deterministic.
// Errors: a length outside [1, time].
#pragma once

#include "autograd/variable.h"

namespace lw {

Variable mean_pool(const Variable& x, const Tensor& lengths = {});
Variable last_step(const Variable& x, const Tensor& lengths = {});

}  // namespace lw
