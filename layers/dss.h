// DSS: a diagonal state-space model for each channel, in the frame of layers/channel_ssm.h, whose input
// weights a softmax over time sets.
//
//   exp      K_l = 2 Re sum_n W_n / A_n (e^{z_n} - 1) e^{l z_n}             z = dt A,  Re A = -exp(log_A_real)
//   softmax  K_l = 2 Re sum_n W_n / A_n e^{l z_n} / sum_{m < L} e^{m z_n}   Re A of either sign,  L = l_max
//   v = K * u + D u,  y = glu(W' gelu(v) + b)
//
// Both are systems x' = A x + B u under zero-order hold with readout W: exp has B = 1, which is S4D with
// another start; softmax has B = 1 / (e^{L z} - 1), so that it too has a recurrence and can be read at any
// rate. Its L is l_max, not the length of the input at hand: a system cannot depend on how far it will be
// read. Inputs of more than l_max steps go through the recurrence, which continues the exponentials.
//
// A mode that grows (Re A > 0) weighs what lies l_max steps back most. The kernel is computed backwards from
// there, where that mode decays, so that nothing overflows whatever Re z: this is the shift of a softmax by its
// maximum. The recurrence of such a mode is unstable as it stands: it agrees with the kernel up to l_max steps,
// while L Re z stays below about 80 (f32) or 700 (f64), and grows on beyond. So where a GPU would scan exp by
// choice, it convolves softmax.
//
// A starts as the eigenvalues of the normal part of HiPPO-LegS, one of each conjugate pair, so that d_state
// real dimensions are d_state / 2 complex ones. State: x, complex [batch, d_model, d_state / 2].
//
// u, y [batch, time, d_model]. Cost: that of s4d; softmax computes its kernel twice, over l_max steps too.
// Gupta, Gu & Berant 2022, arXiv:2203.14343.
#pragma once

#include "layers/channel_ssm.h"

namespace lw {

struct DssOptions {
  int64_t d_state = 64;
  std::string variant = "softmax";      ///< softmax or exp
  double dt_min = 1e-3, dt_max = 1e-1;  ///< step sizes start log-uniform between them
  int64_t l_max = 1024;                 ///< steps of the softmax
  std::optional<int64_t> n_ssm;         ///< rows of A; d_model unless given
  bool bidirectional = false;

  void describe(Fields& f);
};

class Dss final : public ChannelSsm {
 public:
  Dss(const DssOptions& options, const Stack& stack, const Random& random);

 private:
  Representations represent(const Context& context) const override;
  std::vector<complex128> poles() const override;
  Representations exponential(const Context& context) const;
  Representations softmax(const Context& context) const;
  Variable state_matrix() const;  // A, [channel, state]
  Scanned scan(const Variable& u, const State& before, const Variable& dt, const Variable& A,
               const Variable& B, const Context& context) const;

  bool softmax_;
  int64_t l_max_;
  Variable A_real_, A_imag_;        // [n_ssm, state]; exp: log(-Re A) in place of Re A
  ComplexParameter W_, W_reverse_;  // [channel, state]
};

}  // namespace lw
