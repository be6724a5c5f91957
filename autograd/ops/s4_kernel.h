// s4_kernel: the convolution kernel of S4, a diagonal plus low-rank state-space model.
//
//   A = diag(lambda) - sum_r P_r P_r^*    bilinear with step dt    K_l = C Abar^l Bbar,  l < time
//
// of the full state, conjugates included; arguments hold one of each pair. The readout is given as
// Ct = C (I - Abar^length) for one fixed length >= time; s4_readout and s4_truncated_readout convert.
// Convolving an input with K (long_conv) gives what the recurrence gives (dplr_scan).
// Shapes: dt [channel]; lambda, B, Ct [channel, state], complex of the precision of dt; P [rank,
// channel, state], rank 0 (or undefined), 1 or 2; K [channel, time].
// Cost: O(state length) a channel, O(length) memory, nothing of size state x length.
// Determinism: bits do not depend on threads. Error: computed in double, rounded once.
// Errors: shapes and dtypes that disagree, by ShapeCheck; rank above 2; time > length; a length with
// a prime factor other than 2, 3, 5. An eigenvalue of 0 gives NaN: keep -Re lambda >= 1e-4.
// Reference: kernels/s4_kernel/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct S4KernelOptions {
  int64_t time = 0;    ///< values of K
  int64_t length = 0;  ///< for which Ct was made; 2^a 3^b 5^c
};

Variable s4_kernel(const Variable& dt, const Variable& lambda, const Variable& P, const Variable& B,
                   const Variable& Ct, const S4KernelOptions& options);

}  // namespace lw
