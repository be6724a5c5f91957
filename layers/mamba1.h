// Mamba-1: a selective state-space model in a gated block.
//
//   (u, z)      = W_in x                            d_inner = expand d_model channels each
//   u          <- silu(causal_conv1d(u; w, b))      a window of d_conv steps
//   (dt, B, C)  = W_x u                             dt_rank, d_state and d_state channels
//   delta       = softplus(W_dt dt + b_dt)
//   h[t]        = exp(delta[t] A) h[t-1] + delta[t] B[t] u[t],   A = -exp(A_log)
//   y[t]        = <C[t], h[t]> + D u[t]
//   out         = W_out (y silu(z))
//
// x and out are [batch, time, d_model]. State: the last d_conv - 1 inputs of the convolution
// [batch, d_conv - 1, d_inner], and h [batch, d_inner, d_state].
//
// Cost a step: about 6 d_model d_inner operations in matrix products and 9 d_inner d_state in the
// scan; memory of training is linear in time, and holds no [batch, time, d_inner, d_state] tensor.
// Gu & Dao 2023, arXiv:2312.00752; defaults and initialisation of the authors' code.
#pragma once

#include "layers/dynamics.h"
#include "layers/linear.h"
#include "layers/sequence_layer.h"

namespace lw {

struct Mamba1Options {
  int64_t d_state = 16;
  int64_t d_conv = 4;
  int64_t expand = 2;
  std::optional<int64_t> dt_rank;  ///< ceil(d_model / 16) unless given
  double dt_min = 1e-3;            ///< softplus(b_dt) starts log-uniform in [dt_min, dt_max] ...
  double dt_max = 1e-1;
  double dt_init_floor = 1e-4;  ///< ... and never below this
  /// W_dt: uniform in +-dt_scale / sqrt(dt_rank), or that constant.
  std::string dt_init = "random";
  double dt_scale = 1;
  bool conv_bias = true;
  bool bias = false;                     ///< of W_in and W_out
  bool rescale_prenorm_residual = true;  ///< W_out starts divided by sqrt(n_layers)

  void describe(Fields& f);
};

class Mamba1 final : public SequenceLayer, public Selective {
 public:
  Mamba1(const Mamba1Options& options, const Stack& stack, const Random& random);
  Output forward(const Variable& x, const State& state, const Context& context) const override;
  Selection selection(const Variable& x) const override;

 private:
  /// What the scan reads, all [batch, time, ...].
  struct Projected {
    Variable u, gate;      // [..., d_inner]
    Variable delta, B, C;  // before bias and softplus [..., d_inner]; [..., d_state]
    Variable window;       // the last inputs of the convolution
  };
  Projected project(const Variable& x, const Variable& window, const Tensor& resets) const;
  Variable A() const;  // [d_inner, d_state]

  int64_t d_inner_, d_state_, dt_rank_;
  Linear& in_proj_;
  Variable conv_weight_, conv_bias_;  // [d_inner, d_conv], [d_inner]
  Linear& x_proj_;
  Variable dt_weight_, dt_bias_;  // [d_inner, dt_rank], [d_inner]
  Variable A_log_;                // [d_inner, d_state]
  Variable D_;                    // [d_inner]
  Linear& out_proj_;
};

}  // namespace lw
