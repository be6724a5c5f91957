// S4: a structured state-space model for each channel, in the frame of layers/channel_ssm.h.
//
//   x'(t) = A x(t) + B u(t),  v(t) = 2 Re <C, x(t)> + D u(t)      A = diag(lambda) - P P^*, bilinear, step dt
//   y     = glu(W gelu(v) + b)
//
// A, B and P start as the normal-plus-low-rank form of a HiPPO matrix (layers/hippo.h), and all are learned;
// lambda = -(1e-4 + exp(log_A_real)) + i A_imag, one of each conjugate pair, so that d_state real
// dimensions are d_state / 2 complex ones. Three representations, which agree: the convolution of the whole
// input with the kernel of the system, whose spectrum is a sum of Cauchy products; the recurrence; and one
// step of it. State: x, complex [batch, d_model, d_state / 2], and the readout C [d_model, d_state / 2] that
// the recurrence wants, so that it is made of Ct once a sequence.
//
// The readout is kept as Ct = C (I - Abar^length), what the kernel wants, for the step sizes of training and for
// one length, l_max rounded up to 2^a 3^b 5^c: weights are of one l_max. For a longer input the length is doubled
// as often as needed, and for another rate Ct is made anew, within the forward pass and with its gradient: the
// parameter keeps its meaning, so that nothing changes behind an optimizer. An l_max below the usual length is
// right too, and costs the doublings.
//
// u, y [batch, time, d_model]. Cost: O(d_state l_max) a channel for the kernel and O(time log time) for the
// convolution; O(time d_state) in the recurrence; a change of readout O(d_state^3 log l_max) a channel once a
// call, on the CPU, for which a GPU waits; and 4 d_model^2 operations a step for the mixing.
// Gu, Goel & Ré 2021, arXiv:2111.00396.
#pragma once

#include "layers/channel_ssm.h"

namespace lw {

struct S4Options {
  int64_t d_state = 64;
  std::string init = "legs";            ///< of A, B and P: a HiPPO measure of rank 0, 1 or 2
  double dt_min = 1e-3, dt_max = 1e-1;  ///< step sizes start log-uniform between them
  int64_t l_max = 1024;                 ///< usual length of inputs
  std::optional<int64_t> n_ssm;         ///< rows of A, B and P; d_model unless given
  bool bidirectional = false;

  void describe(Fields& f);
};

class S4 final : public ChannelSsm {
 public:
  S4(const S4Options& options, const Stack& stack, const Random& random);

 private:
  Representations represent(const Context& context) const override;
  std::vector<complex128> poles() const override;
  ComplexParameter readout(const std::string& name, const Shape& shape, const Random& random);
  Variable lambda() const;  // [channel, state]

  int64_t length_;                    // of the readout
  Variable log_A_real_, A_imag_;      // [n_ssm, state]
  ComplexParameter P_;                // [rank, n_ssm, state]; rank 0: undefined
  ComplexParameter B_;                // [n_ssm, state]
  ComplexParameter Ct_, Ct_reverse_;  // [channel, state]
};

}  // namespace lw
