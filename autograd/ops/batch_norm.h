// Batch norm: every channel normalised over batch and time.
//
//   y = (x - mean) / sqrt(variance + epsilon) weight + bias
//
// Under Training, mean and variance are those of this batch, and the running averages move by
// `momentum` towards them (the variance unbiased); otherwise the running averages are used.
// Shapes: x [..., channel], at least one row, or two under Training; weight, bias, running_mean,
// running_variance [channel]. dtypes: f32 or f64, one for all.
// Cost: three reads and a write of x; the gradient reads x and dy twice. Deterministic.
// Caveat: the batch is this rank's part (the trainer averages the running averages over the ranks).
// Mathematics: kernels/batch_norm/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct RunningAverages {
  Tensor mean, variance;  ///< handles, written in place under Training
};

Variable batch_norm(const Variable& x, const Variable& weight, const Variable& bias,
                    const RunningAverages& running, double momentum = 0.1, double epsilon = 1e-5);

}  // namespace lw
