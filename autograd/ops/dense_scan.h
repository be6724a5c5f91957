// dense_scan: the recurrence of a state-space model with a dense state matrix, one for each channel.
//
//   x_t = A x_{t-1} + B u_t         y_t = C x_t
//
// of a system that is sampled already. Gives what convolving with krylov() gives; with time = 1 it is a step of
// generation. Gradients flow through both states.
// Shapes: u [batch, time, channel], possibly pitched; A [channel, N, N]; B [channel, N]; C [channel, output,
// N]; y [batch, time, channel, output]; states [batch, channel, N]; resets u8 [batch, time]. dtypes: f32, f64.
// Cost: 2 N (N + output) operations a step and channel, about four times that for the gradient, which saves
// the arguments alone.
// Determinism: bits do not depend on threads. How a sequence is cut does not change y.
// Errors: shapes and dtypes that disagree, by ShapeCheck.
// Reference: kernels/dense_scan/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct DenseScanOptions {
  Variable state;  ///< x_{-1}; undefined: zeros
  Tensor resets;   ///< 1 where a document starts: the state before it counts as zero from there on
};

struct DenseScanResult {
  Variable y;      ///< [batch, time, channel, output]
  Variable state;  ///< [batch, channel, N]: after the last step
};

DenseScanResult dense_scan(const Variable& u, const Variable& A, const Variable& B,
                           const Variable& C, const DenseScanOptions& options = {});

}  // namespace lw
