// selective_scan: the recurrence of Mamba-1, whose step size, input map and output map depend on
// the input.
//
//   v_t = delta_t + delta_bias        dt_t = softplus(v_t)  or  v_t
//   h_t = exp(dt_t A) h_{t-1} + dt_t B_t u_t
//   y_t = (<C_t, h_t> + D u_t) silu(z_t)
//
// for every batch row and channel by itself. h before the first step is `initial_state`, or zero; a
// reset at time t forgets h_{t-1}.
// Shapes: beside each field. The last axis is contiguous; the others may be pitched (parts of a
// split), and nothing is copied.
// Units: delta is a length of time, A a rate per time: dt A has none.
// Cost: about batch x time x channel x state steps, 1 exponential each; backward computes h again
// from the states at the start of each chunk, and holds no tensor of that size.
// Determinism: an output is the same chain of roundings however the sequence is cut into calls.
// Gradients that are sums over channels or rows add up parts whose bounds the sizes alone decide,
// in order.
// Errors: dtypes other than f32 and f64 are refused; shapes are the caller's to check.
// Reference: Gu & Dao 2023, arXiv:2312.00752, algorithm 2. Gradients derived in README.md.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

/// The arguments of the scan, and also their gradients: a gradient has the shape of the thing it is
/// the gradient of.
struct SelectiveScan {
  Tensor u;              ///< [batch, time, channel]   signal
  Tensor delta;          ///< [batch, time, channel]   step size, before bias and softplus
  Tensor A;              ///< [channel, state]         rate of decay, <= 0
  Tensor B;              ///< [batch, time, state]     input map
  Tensor C;              ///< [batch, time, state]     output map
  Tensor D;              ///< [channel]                skip; undefined: 0
  Tensor delta_bias;     ///< [channel]                undefined: 0
  Tensor z;              ///< [batch, time, channel]   gate; undefined: none
  Tensor initial_state;  ///< [batch, channel, state]  undefined: 0
  Tensor resets;         ///< u8 [batch, time]         1 where a document starts; undefined: none
  bool softplus = false;
};

/// Steps in a chunk: the distance in time between the states kept for the backward pass.
inline constexpr int64_t selective_scan_chunk = 32;

/// Writes y [batch, time, channel], final_state [batch, channel, state] and, if it is defined,
/// chunk_states [batch, ceil(time / chunk), state, channel]: the states before the first step of
/// each chunk, for the backward pass.
inline Kernel<void(const SelectiveScan&, Tensor& y, Tensor& final_state, Tensor& chunk_states)>
    selective_scan_forward{"selective_scan_forward"};

/// From the gradients of y and of the final state (undefined: zero) to those of the arguments.
/// Writes the fields of `grad` that are defined, which are those that `in` has.
inline Kernel<void(const SelectiveScan& in, const Tensor& chunk_states, const Tensor& dy,
                   const Tensor& dfinal_state, SelectiveScan& grad)>
    selective_scan_backward{"selective_scan_backward"};

}  // namespace lw::kernels
