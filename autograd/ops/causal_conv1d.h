// causal_conv1d: the short depthwise convolution of Mamba, its activation and its state.
//
//   p_t[c] = bias[c] + sum_j weight[c, j] x_{t-W+1+j}[c]        y_t = p_t  or  silu(p_t)
//
// The state is the last W-1 inputs, before the convolution, oldest first; handed to the next call
// it continues the sequence. Gradients flow through it both ways.
// Shapes: x, y [batch, time, channel], x possibly pitched; weight [channel, W], any W >= 1; bias
// [channel]; state [batch, W-1, channel]; resets u8 [batch, time].
// Cost: one pass over x and y, bound by memory; the gradient computes p again and saves only x.
// Determinism: bits depend neither on threads nor on how a sequence is cut into calls or packed
// (the gradients of weight and bias are sums, and depend on the latter by rounding).
// Errors: shapes that disagree, by ShapeCheck; a dtype other than f32 and f64.
// Reference: kernels/causal_conv1d/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct CausalConv1dOptions {
  bool silu = false;  ///< apply x sigmoid(x) to the result
  Variable state;     ///< the window before the first step; undefined: zeros
  Tensor resets;      ///< 1 where a document starts: inputs before it count as zero from there on
};

struct CausalConv1dResult {
  Variable y;      ///< [batch, time, channel]
  Variable state;  ///< [batch, W-1, channel]: the window after the last step
};

CausalConv1dResult causal_conv1d(const Variable& x, const Variable& weight, const Variable& bias,
                                 const CausalConv1dOptions& options = {});

}  // namespace lw
