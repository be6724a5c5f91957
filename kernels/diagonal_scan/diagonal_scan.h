// diagonal_scan: the recurrence of a diagonal state-space model.
//
//   x_t = A x_{t-1} + B u_t        y_t = k Re sum_n C_n x_{t,n}        element by element
//
// k = 2 where the state holds one of each conjugate pair, else 1. A and B are discrete (see
// kernels/discretize). x_{-1} is `state` or zero; a reset at time t makes x_{t-1} zero.
// With intervals tau, A and B are those of the continuous system, sampled anew at each step:
//
//   x_t = p(tau_t A) x_{t-1} + tau_t f(tau_t A) B u_t        p, f: the table in kernels/discretize/discretize.h
//
// Shapes: u, y [batch, time, channel]; A, B, C [channel, state] complex; states [batch, channel,
// state] complex; resets u8, intervals [batch, time]. All may be pitched.
// Units: 1 / A in the unit of the intervals.
// Cost: 16 state flops an output forward, 44 backward, and with intervals an exponential, a sine and a
// cosine (zoh) for each element of the state, three times as many backward; scratch of time / 64 states
// a thread backward, nothing of size batch x time x channel x state. On a GPU 32 steps and more without
// resets and intervals are matrix products on tensor cores instead, where a block has 121 KiB of shared memory
// (README.md, "In chunks").
// Determinism: bits of y and of the state depend neither on threads nor on how a sequence is cut or
// packed, save on a GPU where a scan is matrix products, which agree with others to rounding, and where
// an infinity or a NaN reaches 15 earlier steps at most; gradients of A, B, C are sums over chunks of 64
// steps and over the batch, in order.
// Reference: README.md beside this file.
#pragma once

#include "kernels/discretize/discretize.h"

namespace lw::kernels {

struct DiagonalScan {
  Tensor u;
  Tensor A, B, C;
  Tensor state;   ///< undefined: zero
  Tensor resets;  ///< undefined: none
  bool conjugate_pairs = true;
  Tensor intervals;                             ///< undefined: A and B are discrete
  Discretization method = Discretization::zoh;  ///< with intervals
};

/// Gradients, to be written; `state` may be undefined.
struct DiagonalScanGradients {
  Tensor u, A, B, C, state;
};

inline Kernel<void(const DiagonalScan&, Tensor& y, Tensor& state)> diagonal_scan_forward{
    "diagonal_scan_forward"};

/// From the gradients of y and of the final state (undefined: zero) to those of the arguments.
inline Kernel<void(const DiagonalScan&, const Tensor& dy, const Tensor& dstate,
                   DiagonalScanGradients&)>
    diagonal_scan_backward{"diagonal_scan_backward"};

/// The least steps that the device of u computes by matrix products, for the dtype of u.
inline Kernel<void(const Tensor& u, int64_t& steps)> diagonal_scan_shortest_in_chunks{
    "diagonal_scan_shortest_in_chunks"};

}  // namespace lw::kernels
