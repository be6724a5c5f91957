// s4_readout: between the readout C of S4 and the one that its kernel wants,
//
//   Ct = C (I - Abar^length),      Abar = (I - dt A/2)^{-1} (I + dt A/2),  A = diag(lambda) - P P^*
//
// Models are trained with Ct (s4_kernel) and run step by step with C (dplr_scan). From one length to
// another, or one step size to another: s4_truncated_readout(s4_readout(Ct, from), to). To twice the
// length, without solving a system: Ct_{2L} = C (I - Abar^{2L}) = Ct_L (I + Abar^L).
// Shapes: dt [channel]; lambda, C, Ct [channel, state], complex of the precision of dt, one of each
// conjugate pair; P [rank, channel, state] (undefined: rank 0).
// Cost: about 2 log2(length) dense products of (2 state)^2 matrices a channel, four times that for
// the gradient: once a switch of mode, not once a step. In double whatever the dtype, on the CPU: with
// tensors on a GPU it waits for it, reads them and copies the result back.
// Determinism: bits do not depend on threads.
// Errors: shapes and dtypes that disagree, by ShapeCheck; a length below 1.
// Reference: Gu, Goel & Ré 2021, arXiv:2111.00396, appendix C.3.
#pragma once

#include "autograd/variable.h"

namespace lw {

/// C from Ct.
Variable s4_readout(const Variable& dt, const Variable& lambda, const Variable& P,
                    const Variable& Ct, int64_t length);

/// Ct from C.
Variable s4_truncated_readout(const Variable& dt, const Variable& lambda, const Variable& P,
                              const Variable& C, int64_t length);

/// Ct for twice the length, from Ct for `length`.
Variable s4_doubled_readout(const Variable& dt, const Variable& lambda, const Variable& P,
                            const Variable& Ct, int64_t length);

}  // namespace lw
