// selective_scan: the recurrence of Mamba-1, whose step size, input map and output map depend on
// the input.
//
//   dt_t = softplus(delta_t + delta_bias)  or  delta_t + delta_bias
//   h_t = exp(dt_t A) h_{t-1} + dt_t B_t u_t
//   y_t = (<C_t, h_t> + D u_t) silu(z_t)
//
// for every batch row and channel by itself, with a state of its own. The final state, handed to
// the next call, continues the sequence. Gradients flow to every argument and through both states.
// Shapes: u, delta, y [batch, time, channel]; A [channel, state]; B, C [batch, time, state]. u,
// delta, B, C and z may be parts of a split; nothing is copied. One dtype, f32 or f64.
// Units: delta is a length of time, A <= 0 a rate per time.
// Cost: batch x time x channel x state steps of one exponential each, three times that with
// gradients. Between the passes it keeps its arguments and one state in 32 steps.
// Determinism: bits depend neither on threads nor on how a sequence is cut into calls (gradients
// that are sums over time depend on the latter by rounding).
// Errors: shapes that disagree, by ShapeCheck; a dtype other than f32 and f64.
// Reference: kernels/selective_scan/README.md; Gu & Dao 2023, arXiv:2312.00752, algorithm 2.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct SelectiveScanOptions {
  Variable D;              ///< [channel], the skip; undefined: none
  Variable delta_bias;     ///< [channel]; undefined: zero
  bool softplus = false;   ///< dt = softplus(delta + delta_bias), linear above 20
  Variable z;              ///< [batch, time, channel], the gate; undefined: none
  Variable initial_state;  ///< [batch, channel, state]; undefined: zero
  Tensor resets;  ///< u8 [batch, time]: 1 where a document starts and forgets what came before
};

struct SelectiveScanResult {
  Variable y;            ///< [batch, time, channel]
  Variable final_state;  ///< [batch, channel, state]
};

SelectiveScanResult selective_scan(const Variable& u, const Variable& delta, const Variable& A,
                                   const Variable& B, const Variable& C,
                                   const SelectiveScanOptions& options = {});

}  // namespace lw
