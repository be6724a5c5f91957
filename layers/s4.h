// S4: one structured state-space model for each channel, followed by a gated mixing of the channels.
//
//   x'(t) = A x(t) + B u(t),  v(t) = 2 Re <C, x(t)> + D u(t)      A = diag(lambda) - P P^*, bilinear, step dt
//   y     = glu(W gelu(v) + b)
//
// A, B and P start as the normal-plus-low-rank form of a HiPPO matrix (layers/hippo.h), and all are learned;
// lambda = -(1e-4 + exp(log_A_real)) + i A_imag, one of each conjugate pair, so that d_state real
// dimensions are d_state / 2 complex ones. Three representations, which agree: the convolution of the whole
// input with the kernel of the system, whose spectrum is a sum of Cauchy products; the recurrence; and one
// step of it. The readout is kept as Ct = C (I - Abar^length), what the kernel wants, for one length of at
// least l_max steps; longer inputs go through the recurrence. State: x, complex [batch, d_model, d_state / 2],
// and the readout C [d_model, d_state / 2] that the recurrence wants, so that it is made of Ct once a sequence.
// Bidirectional: a second Ct reads the sequence from its end; v is the sum of both, the present in each.
//
// u, y [batch, time, d_model]. Cost: O(d_state l_max) a channel for the kernel and O(time log time) for the
// convolution; O(time d_state) in the recurrence, after a change of readout of O(d_state^3 log l_max); and
// 4 d_model^2 operations a step for the mixing.
// Gu, Goel & Ré 2021, arXiv:2111.00396.
#pragma once

#include "layers/linear.h"
#include "layers/sequence_layer.h"

namespace lw {

struct S4Options {
  int64_t d_state = 64;
  std::string init = "legs";            ///< of A, B and P: a HiPPO measure of rank 1 or 2
  double dt_min = 1e-3, dt_max = 1e-1;  ///< step sizes start log-uniform between them
  int64_t l_max = 1024;                 ///< longest input that is convolved
  bool bidirectional = false;

  void describe(Fields& f);
};

class S4 final : public SequenceLayer {
 public:
  S4(const S4Options& options, const Stack& stack, const Random& random);
  Output forward(const Variable& u, const State& state, const Context& context) const override;
  bool causal() const override { return !Ct_reverse_.real.defined(); }
  bool convolves() const override { return true; }

 private:
  /// Complex values as the two real parameters that an optimizer can update.
  struct ComplexParameter {
    Variable real, imag;
    Variable value() const;
  };
  ComplexParameter complex_parameter(const std::string& name, const Tensor& initial, Role role);
  ComplexParameter readout(const std::string& name, const Shape& shape, const Random& random);
  Variable lambda() const;  // [channel, state]

  int64_t length_;                // of the readout
  Variable log_dt_;               // [channel]
  Variable log_A_real_, A_imag_;  // [channel, state]
  ComplexParameter P_;            // [rank, channel, state]
  ComplexParameter B_;            // [channel, state]
  ComplexParameter Ct_, Ct_reverse_;
  Variable D_;   // [channel]
  Linear& mix_;  // channel -> 2 channel
};

}  // namespace lw
