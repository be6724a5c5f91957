// long_conv: causal convolution with a kernel as long as the sequence, the core of S4 and S4D.
//
//   y_t[c] = sum_{m=0}^{t} k[c, m] u_{t-m}[c] + D[c] u_t[c]
//
// Shapes: u, y [batch, time, channel], u possibly pitched; k [channel, taps], any taps >= 1; D
// [channel]; resets u8 [batch, time].
// Cost: O(time log time) a channel, by FFT; the gradient saves u, k and D and costs about 1.6
// times as much as the value.
// Determinism: bits do not depend on threads. On a GPU a call with resets waits for it.
// Errors: shapes that disagree, by ShapeCheck; a dtype other than f32 and f64. Through the FFT
// rounding carries about 1e-7 (f32) of the largest value to all times, past ones included, and a
// NaN to its whole document.
// Reference: kernels/long_conv/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct LongConvOptions {
  /// y_t = sum_m k_m u_{t+m} + D u_t: the other direction of a bidirectional layer. k_0 weighs the
  /// present in both.
  bool reverse = false;
  Tensor resets;  ///< 1 where a document starts: each is convolved by itself
};

/// D may be undefined: no skip connection.
Variable long_conv(const Variable& u, const Variable& k, const Variable& D = {},
                   const LongConvOptions& options = {});

}  // namespace lw
