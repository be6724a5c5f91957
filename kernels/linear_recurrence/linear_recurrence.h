// linear_recurrence: a first-order recurrence of every channel by itself.
//
//   h_t = a_t h_{t-1} + x_t
//
// Real, or complex with the real parts of all channels first in a row and their imaginary parts
// behind them, so that matrix products before and after it are real and nothing is interleaved.
// a is the same at every step, or given for each. h_{-1} is `state` or zero; at a reset a_t is zero.
// Shapes: x, h [batch, time, channel], of complex numbers [batch, time, 2 channel]; a [channel] or
// [batch, time, channel] likewise; state [batch, channel] likewise; resets u8 [batch, time]. All may
// be pitched.
// Cost: 2 flops an element (complex: 4), 8 bytes read and written in f32, 12 where a varies; backward
// 16 and 20 bytes.
// Determinism: bits of h depend neither on threads nor on how a sequence is cut or packed, save on a
// GPU where few channels make it cut time itself (README.md); the gradient of an a of all steps is a
// sum over chunks of 64 steps and over the batch, in an order that the sizes decide.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct LinearRecurrence {
  Tensor x, a;
  Tensor state;   ///< undefined: zero
  Tensor resets;  ///< undefined: none
  bool complex = false;

  bool varies() const { return a.rank() == 3; }  ///< a has a value for each step
};

/// Gradients, to be written; `state` may be undefined.
struct LinearRecurrenceGradients {
  Tensor x, a, state;
};

inline Kernel<void(const LinearRecurrence&, Tensor& h)> linear_recurrence_forward{
    "linear_recurrence_forward"};

/// From the gradient of h, the result of the forward pass, to those of the arguments.
inline Kernel<void(const LinearRecurrence&, const Tensor& h, const Tensor& dh,
                   LinearRecurrenceGradients&)>
    linear_recurrence_backward{"linear_recurrence_backward"};

}  // namespace lw::kernels
