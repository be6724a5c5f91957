// s4d_kernel: the convolution kernel of a diagonal state-space model, S4D.
//
//   K_l = k Re sum_n C_n Bbar_n Abar_n^l,  l = 0 ... time-1        Abar, Bbar = discretize(dt, A, B)
//
// Convolving an input with K (long_conv) gives what the recurrence gives (diagonal_scan).
// Shapes: dt [channel]; A, B, C [channel, state], complex of the precision of dt; K [channel, time].
// Cost: 4 state time flops a channel, twice that for the gradient; memory O(channel time).
// Determinism: bits do not depend on threads. Error: 5e-7 (f32) of the largest |K| at any length.
// Errors: shapes and dtypes that disagree, by ShapeCheck; a negative time.
// Reference: kernels/s4d_kernel/README.md.
#pragma once

#include "autograd/ops/discretize.h"

namespace lw {

struct S4dKernelOptions {
  Variable B;  ///< undefined: ones
  Discretization method = Discretization::zoh;
  /// A, B, C hold one of each conjugate pair and k = 2; false: they hold the whole state and k = 1,
  /// as for real A.
  bool conjugate_pairs = true;
};

Variable s4d_kernel(const Variable& dt, const Variable& A, const Variable& C, int64_t time,
                    const S4dKernelOptions& options = {});

}  // namespace lw
