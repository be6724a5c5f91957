// dplr_scan: the recurrence of S4, a diagonal plus low-rank state-space model under the bilinear rule.
//
//   A = diag(lambda) - sum_r P_r P_r^*    Abar = (I - dt A/2)^{-1} (I + dt A/2)    Bbar = dt (I - dt A/2)^{-1} B
//   x_t = Abar x_{t-1} + Bbar u_t         y_t = 2 Re sum_n C_n x_{t,n}
//
// of a real system; arguments and states hold one of each conjugate pair. x_{-1} is `state` or zero; a
// reset at time t makes x_{t-1} zero. With intervals tau, step t is of size tau_t dt.
// Shapes: u, y [batch, time, channel]; dt [channel]; lambda, B, C [channel, state] complex; P [rank,
// channel, state], rank 0, 1 or 2; states [batch, channel, state] complex; resets u8 and
// intervals [batch, time].
// All may be pitched.
// Cost: O(state (1 + rank)) an output, about (22 + 16 rank) state flops, three to four times that
// backward, with intervals twice that; scratch of time / 32 states a thread backward.
// Determinism: bits depend neither on threads nor on the batch. How a sequence is cut changes y by
// rounding.
// Errors: on a GPU, a state of more than 128 elements.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct DplrScan {
  Tensor u;
  Tensor dt, lambda;
  Tensor P;  ///< undefined: rank 0
  Tensor B, C;
  Tensor state;           ///< undefined: zero
  Tensor resets;          ///< undefined: none
  Tensor intervals = {};  ///< undefined: 1
};

/// Gradients, to be written; P and `state` are undefined where they are in the arguments.
struct DplrScanGradients {
  Tensor u, dt, lambda, P, B, C, state;
};

inline constexpr int64_t max_dplr_rank = 2;

inline Kernel<void(const DplrScan&, Tensor& y, Tensor& state)> dplr_scan_forward{
    "dplr_scan_forward"};

/// From the gradients of y and of the final state (undefined: zero) to those of the arguments.
inline Kernel<void(const DplrScan&, const Tensor& dy, const Tensor& dstate, DplrScanGradients&)>
    dplr_scan_backward{"dplr_scan_backward"};

}  // namespace lw::kernels
