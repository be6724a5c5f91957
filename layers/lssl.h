// LSSL: a linear state-space layer with a dense state matrix, in the frame of layers/channel_ssm.h.
//
//   x'(t) = A x(t) + B u(t),  v(t) = C x(t) + D u(t)      A dense, sampled with step dt
//   y     = glu(W gelu(v) + b)
//
// Sampled by the generalised bilinear rule (layers/state_space.h): with X = (I - alpha dt A)^{-1},
//
//   Abar = (X - (1 - alpha) I) / alpha       Bbar = dt X B       alpha = 0: Abar = I + dt A, Bbar = dt B
//
// which is (I - alpha dt A)^{-1} (I + (1 - alpha) dt A), with one inverse and no other product; rounding in Abar is
// about 1e-7 / alpha. alpha < 1/2 is unstable where dt |A| is large, as it is for the HiPPO measures. A is any measure
// of layers/hippo.h to start with, `random` among them, and all of A, B, C, D and dt are learned; A and dt need not be
// (the paper's LSSL-fixed has neither), and are buffers then. By default all channels share one A and B, and differ in
// dt and C.
//
// Three representations, which agree: the convolution of the whole input with K_l = C Abar^l Bbar
// (autograd/ops/krylov.h), the recurrence, and one step of it. State: x [batch, d_model, d_state]. Samples at irregular
// times are sampled and stepped one by one, at the cost of an inverse for each step and channel of each row.
//
// u, y [batch, time, d_model]. Cost, with N = d_state: for sampling and kernel about (2 + log2 time) N^3 operations a
// channel and call, and O(N^2) numbers of memory, some sixteen times; O(time log time) a channel in the convolution,
// 2 N^2 a step and channel in the recurrence; 4 d_model^2 a step for the mixing.
// Gu, Johnson, Goel, Saab, Dao, Rudra & Ré 2021, arXiv:2110.13985.
#pragma once

#include "layers/channel_ssm.h"

namespace lw {

struct LsslOptions {
  int64_t d_state = 64;
  std::string init = "legs";            ///< of A and B: a measure of layers/hippo.h
  double alpha = 0.5;                   ///< of the bilinear rule; 0 forward Euler, 1 backward Euler
  double dt_min = 1e-3, dt_max = 1e-1;  ///< step sizes start log-uniform between them
  bool learn_a = true, learn_dt = true;
  std::optional<int64_t> n_ssm = 1;  ///< different A and B; null: d_model
  bool bidirectional = false;

  void describe(Fields& f);
};

class Lssl final : public ChannelSsm {
 public:
  Lssl(const LsslOptions& options, const Stack& stack, const Random& random);

 private:
  Representations represent(const Context& context) const override;
  std::vector<complex128> poles() const override;

  struct Sampled {
    Variable A, B;  // [system, state, state], [system, state]
  };
  /// With step sizes [system], whose last axis is the channel; `fixed` says that they are those of any other call.
  Sampled sampled(const Variable& dt, bool fixed) const;
  /// [channel], in the precision of what is learned.
  Variable step_sizes(double rate) const;
  Scanned irregular_scan(const Variable& u, const State& state, const Context& context) const;

  int64_t N_;
  double alpha_;
  Tensor identity_;         // [state, state]
  Variable A_;              // [n_ssm, state, state]
  Variable B_;              // [n_ssm, state]
  Variable C_, C_reverse_;  // [channel, state]
};

}  // namespace lw
