// long_conv: causal convolution of each channel with a kernel as long as the sequence.
//
//   y_t[c] = sum_{m=0}^{t} k[c, m] u_{t-m}[c] + D[c] u_t[c]      (reverse: u_{t+m} for u_{t-m})
//
// With resets each document of a batch row is convolved by itself.
// Shapes: u, y [batch, time, channel]; k [channel, taps], any taps >= 1 (those beyond the sequence
// have no effect); D [channel]; resets u8 [batch, time]. All may be pitched.
// Cost: with n = next_fast_length(time) two complex transforms of length n for each channel of a
// batch row forward, three backward; a few buffers of n vectors a thread, nothing kept in between.
// Determinism: yes; gradients of k and D are summed in a fixed order. On a GPU a call with resets
// waits for it: the host reads where documents begin.
// Error: 1e-6 (f32), 1e-14 (f64) of the largest value, which is also what leaks from the future.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct LongConv {
  Tensor u;
  Tensor k;
  Tensor D;       ///< undefined: zero
  Tensor resets;  ///< undefined: every row is one document
  bool reverse = false;
};

/// Gradients, to be written; those that are undefined are not computed. D needs k.
struct LongConvGradients {
  Tensor u, k, D;
};

inline Kernel<void(const LongConv&, Tensor& y)> long_conv_forward{"long_conv_forward"};
inline Kernel<void(const LongConv&, const Tensor& dy, LongConvGradients&)> long_conv_backward{
    "long_conv_backward"};

}  // namespace lw::kernels
