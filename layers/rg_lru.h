// RG-LRU: the recurrent block of Griffin, a gated diagonal recurrence behind a short convolution.
//
//   (g, x) = W_in u                                    x <- conv1d(x)
//   r_t = sigmoid(W_r x_t + b_r),  i_t = sigmoid(W_i x_t + b_i)            block-diagonal W_r, W_i
//   a_t = exp(-8 r_t softplus(lambda))
//   h_t = a_t h_{t-1} + sqrt(1 - a_t^2) (i_t x_t)
//   y   = W_out (h gelu(g))
//
// The state keeps its size whatever the gates say. At the first step of a document a_t is zero and the root 1. The
// gradient of the root is clipped at 1000. exp(-softplus(lambda)), whose eighth power is the decay of a step with r_t = 1,
// starts with a square that is uniform between those of r_min and r_max, as in the authors' code; in the paper's text the
// eighth power itself lies between them. State: the last d_conv - 1 inputs of the convolution [batch, d_conv - 1, d_rnn],
// and h [batch, d_rnn].
//
// u, y [batch, time, d_model]. Cost: 6 d_model d_rnn + 4 d_rnn^2 / blocks operations a step. h and the gates are kept
// for the gradient.
// De, Smith, Fernando, Botev et al. 2024, arXiv:2402.19427.
#pragma once

#include "layers/dynamics.h"
#include "layers/linear.h"
#include "layers/sequence_layer.h"

namespace lw {

struct RgLruOptions {
  std::optional<int64_t> d_rnn;  ///< null: d_model
  int64_t d_conv = 4;
  int64_t blocks = 1;  ///< of the gates' matrices
  double r_min = 0.9, r_max = 0.999;

  void describe(Fields& f);
};

class RgLru final : public SequenceLayer, public Selective {
 public:
  RgLru(const RgLruOptions& options, const Stack& stack, const Random& random);
  Output forward(const Variable& u, const State& state, const Context& context) const override;
  /// delta = r and A = -8 softplus(lambda), of one state a channel: a_t = exp(delta_t A).
  Selection selection(const Variable& u) const override;

 private:
  /// A block-diagonal linear map.
  struct Gate {
    std::vector<Linear*> blocks;
    Variable operator()(const Variable& x) const;
  };
  Gate gate(const std::string& name, int64_t blocks, const Random& random);
  Variable rate() const;  // -8 softplus(lambda), [d_rnn]

  int64_t d_rnn_;
  Linear& in_proj_;
  Variable conv_weight_, conv_bias_;  // [d_rnn, d_conv], [d_rnn]
  Gate recurrence_gate_, input_gate_;
  Variable lambda_;  // [d_rnn]
  Linear& out_proj_;
};

}  // namespace lw
