// S5: one state-space model of many inputs and outputs, a diagonal state and a scan, followed by a gated mixing.
//
//   x'(t) = A x(t) + B u(t),  v(t) = 2 Re C x(t) + D u(t)         A diagonal, sampled with a step for each mode
//   y     = glu(W gelu(v) + b)
//
// A starts as the eigenvalues of `blocks` normal parts of HiPPO-LegS beside each other, and B and C in their
// eigenvectors: of each conjugate pair one is kept, so that d_state real dimensions are d_state / 2 modes. A[n] =
// -exp(log_A_real[n]) + i A_imag[n] decays whatever is learned. Between the products with B and C runs
// linear_recurrence. State: x, [batch, d_state], the real parts of the modes and then the imaginary ones.
// Bidirectional: a second C reads a recurrence from the end of the sequence; v is the sum of both, the present in each.
//
// With Context::intervals the modes step by dt times the interval before each sample, whose input is held meanwhile.
//
// u, y [batch, time, d_model]. Cost: 2 d_state d_model operations a step for each of B and C, 4 d_state for the
// recurrence, and 4 d_model^2 for the mixing, which is that of s4d in place of the paper's half-gated one.
// Smith, Warrington & Linderman 2023, arXiv:2208.04933.
#pragma once

#include "autograd/ops/discretize.h"
#include "layers/dynamics.h"
#include "layers/linear.h"
#include "layers/sequence_layer.h"

namespace lw {

struct S5Options {
  int64_t d_state = 64;
  int64_t blocks = 1;                   ///< of the initial state matrix, d_state / blocks each
  std::string discretization = "zoh";   ///< zoh or bilinear
  double dt_min = 1e-3, dt_max = 1e-1;  ///< step sizes start log-uniform between them
  bool dt_global = false;               ///< one step size for all modes
  std::string c_init = "lecun_normal";  ///< lecun_normal or complex_normal
  bool bidirectional = false;

  void describe(Fields& f);
};

class S5 final : public SequenceLayer, public TimeInvariant {
 public:
  S5(const S5Options& options, const Stack& stack, const Random& random);
  Output forward(const Variable& u, const State& state, const Context& context) const override;
  bool causal() const override { return !C_reverse_real_.defined(); }
  bool continuous() const override { return true; }
  Dynamics dynamics(int64_t length) const override;
  Tensor kernel(int64_t length) const override;

 private:
  /// The recurrence of the modes: what enters at each step, and what is kept of the step before.
  struct Driven {
    Variable x, a;  // [batch, time, d_state], [d_state] or [batch, time, d_state]
  };
  Driven drive(const Variable& u, const Context& context) const;
  Variable state_matrix() const;      // A, [mode, 1]
  Variable steps(double rate) const;  // dt, [mode]

  Discretization method_;
  Variable log_dt_;                                             // [mode], or [1]
  Variable log_A_real_, A_imag_;                                // [mode]
  Variable B_real_, B_imag_;                                    // [mode, d_model]
  Variable C_real_, C_imag_, C_reverse_real_, C_reverse_imag_;  // [d_model, mode]
  Variable D_;                                                  // [d_model]
  Linear& mix_;                                                 // d_model -> 2 d_model
};

}  // namespace lw
