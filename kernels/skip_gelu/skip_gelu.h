// skip_gelu: the end of a state-space model's readout, the skip connection and the activation behind it.
//
//   y = gelu(x + D u),      gelu(v) = v Phi(v)
//
// Shapes: x, u, y [rows, channel]; D [channel]. All may be pitched. One dtype, f32 or f64.
// Cost: 12 bytes an element in f32 forward, 20 backward, and the error function; nothing is kept besides x and u.
// Determinism: rows are independent; dD is a sum of fixed chunks of rows, in order.
// Gradient derived in README.md.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct SkipGelu {
  Tensor x, D, u;
};

/// Gradients, to be written.
struct SkipGeluGradients {
  Tensor x, D, u;
};

inline Kernel<void(const SkipGelu&, Tensor& y)> skip_gelu_forward{"skip_gelu_forward"};
inline Kernel<void(const SkipGelu&, const Tensor& dy, SkipGeluGradients&)> skip_gelu_backward{
    "skip_gelu_backward"};

}  // namespace lw::kernels
