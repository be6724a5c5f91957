// dplr_scan: the recurrence of S4, a diagonal plus low-rank model under the bilinear rule.
//
//   A = diag(lambda) - sum_r P_r P_r^*    Abar = (I - dt A/2)^{-1} (I + dt A/2)    Bbar = dt (I - dt A/2)^{-1} B
//   x_t = Abar x_{t-1} + Bbar u_t         y_t = 2 Re sum_n C_n x_{t,n}
//
// of a real system, or with intervals tau the same with tau_t dt in place of dt; arguments and states hold one of each conjugate pair. C is the plain readout
// (s4_readout). Gives what convolving with s4_kernel gives; with time = 1 it is a step of generation.
// Gradients flow through both states.
// Shapes: u, y [batch, time, channel], u possibly pitched; dt [channel]; lambda, B, C [channel, state],
// complex of the precision of u; P [rank, channel, state], rank 0 (or undefined), 1 or 2; states [batch,
// channel, state] complex; resets u8 and
// intervals (of the dtype of u) [batch, time].
// Cost: O(state) an output, with intervals twice as much; the gradient saves the arguments alone.
// Determinism: bits do not depend on threads. How a sequence is cut changes y by rounding.
// Errors: shapes and dtypes that disagree, by ShapeCheck; a rank above 2; on a GPU, a state of more than
// 128 elements.
// Reference: kernels/dplr_scan/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct DplrScanOptions {
  Variable state;  ///< x_{-1}; undefined: zeros
  Tensor resets;   ///< 1 where a document starts: the state before it counts as zero from there on
  /// Irregular samples: the time from the sample before each, in steps; positive. No gradient.
  Tensor intervals;
};

struct DplrScanResult {
  Variable y;      ///< [batch, time, channel]
  Variable state;  ///< [batch, channel, state]: after the last step
};

DplrScanResult dplr_scan(const Variable& u, const Variable& dt, const Variable& lambda,
                         const Variable& P, const Variable& B, const Variable& C,
                         const DplrScanOptions& options = {});

}  // namespace lw
