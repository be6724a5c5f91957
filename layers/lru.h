// LRU: the linear recurrent unit, a diagonal recurrence without a continuous time, followed by a gated mixing.
//
//   x_t = lambda x_{t-1} + exp(log_gamma) (B u_t),  v_t = Re C x_t + D u_t       lambda = exp(-exp(nu) + i exp(theta))
//   y   = glu(W gelu(v) + b)
//
// |lambda| < 1 whatever is learned. lambda starts uniform on a ring, r_min <= |lambda| <= r_max, with phases up to
// max_phase, and gamma as sqrt(1 - |lambda|^2), so that the state neither grows nor fades with the memory. d_state real
// dimensions are d_state / 2 complex modes. State: x, [batch, d_state], the real parts and then the imaginary ones.
//
// u, y [batch, time, d_model]. Cost: 2 d_state d_model operations a step for each of B and C, 4 d_state for the
// recurrence, and 4 d_model^2 for the mixing.
// Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu & De 2023, arXiv:2303.06349.
#pragma once

#include "layers/dynamics.h"
#include "layers/linear.h"
#include "layers/sequence_layer.h"

namespace lw {

struct LruOptions {
  int64_t d_state = 64;
  double r_min = 0.9, r_max = 0.999;  ///< initial |lambda|
  double max_phase = 6.28;            ///< initial phases lie between 0 and this

  void describe(Fields& f);
};

class Lru final : public SequenceLayer, public TimeInvariant {
 public:
  Lru(const LruOptions& options, const Stack& stack, const Random& random);
  Output forward(const Variable& u, const State& state, const Context& context) const override;
  Dynamics dynamics(int64_t length) const override;
  Tensor kernel(int64_t length) const override;

 private:
  Variable lambda() const;  // [d_state], real parts and then imaginary ones

  Variable nu_, theta_;       // [mode]
  Variable log_gamma_;        // [mode]
  Variable B_real_, B_imag_;  // [mode, d_model]
  Variable C_real_, C_imag_;  // [d_model, mode]
  Variable D_;                // [d_model]
  Linear& mix_;               // d_model -> 2 d_model
};

}  // namespace lw
