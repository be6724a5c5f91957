// diagonal_scan: the recurrence of a diagonal state-space model: S4D step by step.
//
//   x_t = A x_{t-1} + B u_t        y_t = k Re sum_n C_n x_{t,n}
//
// A and B are discrete (discretize). With time = 1 it is a step of generation. Gradients flow through
// both states. With `intervals`, A and B are those of the continuous system, in the unit of the
// intervals, and are sampled anew at each step: of a model with usual step dt, dt A and dt B.
// Shapes: u, y [batch, time, channel], u possibly pitched; A, B, C [channel, state], complex of the
// precision of u; states [batch, channel, state] complex; resets u8 and
// intervals (of the dtype of u) [batch, time].
// Cost: 16 state flops an output, 44 for the gradient, which saves the arguments alone; with intervals
// that and a sampling of each element.
// Determinism: bits of y and of the state depend neither on threads nor on how a sequence is cut into
// calls or packed (the gradients of A, B, C are sums, and depend on the latter by rounding). On a GPU 32
// steps and more without resets and intervals are matrix products over chunks of 16 steps: they agree with
// other cuts to rounding, and an infinity or a NaN reaches earlier steps of its chunk.
// Errors: shapes and dtypes that disagree, by ShapeCheck.
// Reference: kernels/diagonal_scan/README.md.
#pragma once

#include "autograd/ops/discretize.h"

namespace lw {

struct DiagonalScanOptions {
  Variable state;  ///< x_{-1}; undefined: zeros
  Tensor resets;   ///< 1 where a document starts: the state before it counts as zero from there on
  /// The state holds one of each conjugate pair and k = 2; false: it is whole and k = 1.
  bool conjugate_pairs = true;
  /// Irregular samples: the time from the sample before each, positive. No gradient.
  Tensor intervals;
  Discretization method = Discretization::zoh;  ///< of a continuous system
};

struct DiagonalScanResult {
  Variable y;      ///< [batch, time, channel]
  Variable state;  ///< [batch, channel, state]: after the last step
};

DiagonalScanResult diagonal_scan(const Variable& u, const Variable& A, const Variable& B,
                                 const Variable& C, const DiagonalScanOptions& options = {});

/// The least steps that the device of u scans by matrix products, without resets and intervals. On a CPU no length.
int64_t shortest_scan_in_chunks(const Tensor& u);

/// The same for a continuous system x' = A x + B u with step sizes dt [channel]: discretised once, or with
/// intervals, which multiply them, at each step. An undefined B stands for ones.
DiagonalScanResult sampled_diagonal_scan(const Variable& u, const Variable& dt, const Variable& A,
                                         const Variable& B, const Variable& C,
                                         const DiagonalScanOptions& options = {});

}  // namespace lw
