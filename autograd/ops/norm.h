// Normalisation along the last axis: layer norm and RMS norm, alone or fused with the residual
// addition before them.
//
//   layer_norm(x) = (x - mean(x)) / sqrt(variance(x) + epsilon) weight + bias
//   rms_norm(x)   = x / sqrt(mean(x^2) + epsilon) weight
//
// Shapes: x [..., n], weight and bias [n]. A weight [groups, n] goes with an x [..., groups, n]
// whose groups are normalised apart. x may be pitched. dtypes: f32 or f64, one for all.
// Cost: one read and one write of x; the gradient reads x and dy and writes dx: bound by memory.
// Saved for the gradient: x and one number (layer norm: two) a row.
// Accurate for a large mean. Deterministic, gradients included.
// Mathematics: kernels/norm/README.md.
#pragma once

#include <utility>

#include "autograd/variable.h"

namespace lw {

/// `bias` may be undefined.
Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias,
                    double epsilon = 1e-5);

Variable rms_norm(const Variable& x, const Variable& weight, double epsilon = 1e-5);

// {norm(x + residual), x + residual}: what the next mixer reads, and the residual stream that goes
// on. An undefined residual counts as zero (the first block). One pass over memory, and one for the
// gradient through both results.

std::pair<Variable, Variable> add_layer_norm(const Variable& x, const Variable& residual,
                                             const Variable& weight, const Variable& bias,
                                             double epsilon = 1e-5);

std::pair<Variable, Variable> add_rms_norm(const Variable& x, const Variable& residual,
                                           const Variable& weight, double epsilon = 1e-5);

}  // namespace lw
