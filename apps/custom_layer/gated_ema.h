// GatedEma: a moving average that decides at each step how long it remembers.
//
//   (u, v, z)  = W_in x                                d_model channels each
//   a[t]       = sigmoid(u[t] + b)
//   h[t]       = a[t] h[t-1] + (1 - a[t]) v[t]
//   y[t]       = W_out (h[t] silu(z[t]))
//
// x and y are [batch, time, d_model]. State: h [batch, d_model], zero at the start of a document.
// b starts such that the channels remember 2 ... memory steps, spread evenly on a log scale.
// Cost: 8 d_model^2 operations a step in matrix products; the average is bound by memory.
// Deterministic.
#pragma once

#include "layers/linear.h"
#include "layers/sequence_layer.h"

struct GatedEmaOptions {
  double memory = 64;  ///< steps that the slowest channel remembers at first

  void describe(lw::Fields& f);
};

class GatedEma final : public lw::SequenceLayer {
 public:
  GatedEma(const GatedEmaOptions& options, const lw::Stack& stack, const lw::Random& random);
  lw::Output forward(const lw::Variable& x, const lw::State& state,
                     const lw::Context& context) const override;

 private:
  lw::Linear& in_;
  lw::Variable gate_bias_;  // [d_model]
  lw::Linear& out_;
};

/// h[t] = a[t] h[t-1] + (1 - a[t]) v[t], an op of our own. a, v, h [batch, time, channel], f32 or
/// f64; state [batch, channel] is h before the first step, or undefined; resets u8 [batch, time]
/// makes h[t-1] zero where it is 1, or is undefined. Gradients flow to a, v and the state.
lw::Variable gated_average(const lw::Variable& a, const lw::Variable& v, const lw::Variable& state,
                           const lw::Tensor& resets);
