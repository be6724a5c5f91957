// Recurrent networks, the baselines before state-space models: kinds `rnn`, `lstm` and `gru`.
//
//   h_t, state = cell(U u_t + a, state)                 the cells of autograd/ops/rnn.h
//   y_t        = V h_t + b
//
// W and the bias beside it start uniform within 1/sqrt(d_hidden), as in PyTorch, U and a within 1/sqrt(d_model). Of the lstm
// the two biases of the forget gate start with a sum of forget_bias (Jozefowicz, Zaremba & Sutskever 2015), or with
// `chrono` = T of the log of a number uniform in [1, T - 1], the input gate's of minus that, for memories of up to T steps
// (Tallec & Ollivier 2018, arXiv:1804.11188); of the gru the update gate's likewise.
// State: h, [batch, d_hidden], of the lstm h and then c, [batch, 2 d_hidden].
//
// u, y [batch, time, d_model]. Cost: 2 d_hidden (G d_hidden + G d_model + d_model) operations a step with G = 1, 4 or 3 gates, the first
// part one step after the other.
// Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014, arXiv:1406.1078.
#pragma once

#include "autograd/ops/rnn.h"
#include "layers/linear.h"
#include "layers/sequence_layer.h"

namespace lw {

struct RnnLayerOptions {
  std::optional<int64_t> d_hidden;  ///< null: d_model

  void describe(Fields& f);
};

struct LstmLayerOptions : RnnLayerOptions {
  double forget_bias = 1;
  std::optional<int64_t> chrono;

  void describe(Fields& f);
};

struct GruLayerOptions : RnnLayerOptions {
  std::optional<int64_t> chrono;

  void describe(Fields& f);
};

class RnnLayer final : public SequenceLayer {
 public:
  RnnLayer(const RnnLayerOptions& options, const Stack& stack, const Random& random);
  RnnLayer(const LstmLayerOptions& options, const Stack& stack, const Random& random);
  RnnLayer(const GruLayerOptions& options, const Stack& stack, const Random& random);
  Output forward(const Variable& u, const State& state, const Context& context) const override;

 private:
  RnnLayer(RnnCell cell, int64_t d_hidden, const Stack& stack, const Random& random);
  /// log of numbers uniform in [1, T - 1]: what a gate's bias is for memories of up to T steps.
  Tensor chrono_bias(int64_t T, const Random& random) const;
  /// Makes the two biases of a gate add up to `values`.
  void set_bias(int64_t gate, const Tensor& values);

  RnnCell cell_;
  int64_t d_hidden_;
  Linear& in_proj_;         // d_model -> G d_hidden
  Variable weight_, bias_;  // [G d_hidden, d_hidden], [G d_hidden]
  Linear& out_proj_;        // d_hidden -> d_model
};

}  // namespace lw
