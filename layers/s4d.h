// S4D: a diagonal state-space model for each channel, in the frame of layers/channel_ssm.h.
//
//   x'(t) = A x(t) + B u(t),  v(t) = 2 Re <C, x(t)> + D u(t)      A diagonal, B = 1, sampled with step dt
//   y     = glu(W gelu(v) + b)
//
// A[n] = -exp(log_A_real[n]) + i A_imag[n], one of each conjugate pair, so that d_state real dimensions are
// d_state / 2 complex ones; with init `real` the state is real and whole. Three representations, which
// agree: the convolution of the whole input with the kernel K_l = 2 Re <C, Abar^l Bbar>, the recurrence,
// and one step of it. State: x, complex [batch, d_model, d_state / 2] (real: d_state).
//
// u, y [batch, time, d_model]. Cost: O(time log time) a channel in the convolution, O(time d_state) in the
// recurrence, which on a GPU is matrix products for 32 steps and more, and 4 d_model^2 operations a step for
// the mixing.
// Gu, Gupta, Goel & Ré 2022, arXiv:2206.11893.
#pragma once

#include "autograd/ops/discretize.h"
#include "layers/channel_ssm.h"

namespace lw {

struct S4DOptions {
  int64_t d_state = 64;
  std::string init = "lin";             ///< of A: one of diagonal_inits() (layers/hippo.h)
  std::string discretization = "zoh";   ///< zoh or bilinear
  double dt_min = 1e-3, dt_max = 1e-1;  ///< step sizes start log-uniform between them
  std::optional<int64_t> n_ssm;         ///< rows of A; d_model unless given
  bool bidirectional = false;

  void describe(Fields& f);
};

class S4D final : public ChannelSsm {
 public:
  S4D(const S4DOptions& options, const Stack& stack, const Random& random);

 private:
  Representations represent(const Context& context) const override;
  std::vector<complex128> poles() const override;
  ComplexParameter readout(const std::string& name, const Shape& shape, const Random& random);
  Variable state_matrix() const;  // A, [channel, state]

  bool conjugate_pairs_;
  Discretization method_;
  Variable log_A_real_, A_imag_;    // [n_ssm, state]
  ComplexParameter C_, C_reverse_;  // [channel, state]
};

}  // namespace lw
