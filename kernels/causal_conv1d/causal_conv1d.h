// causal_conv1d: a short causal convolution of each channel, with its activation.
//
//   p_t[c] = bias[c] + sum_j weight[c, j] x_{t-W+1+j}[c]        y_t = p_t  or  p_t sigmoid(p_t)
//
// Inputs before the start are those of `state`, oldest first, or zero; a reset at time t makes all
// inputs before t zero for outputs from t on. The state after the sequence is its last W-1 inputs,
// seen the same way.
// Shapes: x, y [batch, time, channel]; weight [channel, W], W >= 1; bias [channel]; state
// [batch, W-1, channel]; resets u8 [batch, time]. x, y and their gradients may be pitched.
// Cost: reads x once and writes y once (backward: reads x and dy, writes dx); bound by memory.
// Determinism: an output is the same chain of roundings however the sequence is cut; gradients of
// weight and bias are sums over chunks of 64 steps, added up in a fixed order.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct CausalConv1d {
  Tensor x;
  Tensor weight;
  Tensor bias;    ///< undefined: zero
  Tensor state;   ///< undefined: zero
  Tensor resets;  ///< undefined: none
  bool silu = false;
};

/// Gradients, to be written; all are allocated by the caller. `bias` and `state` may be undefined.
struct CausalConv1dGradients {
  Tensor x, weight, bias, state;
};

inline Kernel<void(const CausalConv1d&, Tensor& y, Tensor& state)> causal_conv1d_forward{
    "causal_conv1d_forward"};

/// From the gradients of y and of the final state (undefined: zero) to those of the arguments.
inline Kernel<void(const CausalConv1d&, const Tensor& dy, const Tensor& dstate,
                   CausalConv1dGradients&)>
    causal_conv1d_backward{"causal_conv1d_backward"};

}  // namespace lw::kernels
