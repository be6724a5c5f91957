// Transformer: causal attention and a multilayer perceptron beside each other, the baseline after state-space models.
//
//   y = W_o attention(rotary(W_q u), rotary(W_k u), W_v u) + W_2 gelu(W_1 u + b_1) + b_2
//
// Both parts read the same normed u and their sum is added to the stream (the parallel form of Wang & Komatsuzaki 2021), so that the layer is one
// branch of a Block like any other. Positions are rotary. State, which grows with the text: rotated keys and values [batch, past, d_model], and
// which of them belong to the document that goes on [batch, past].
//
// u, y [batch, time, d_model]. Cost: (8 + 4 mlp_ratio) d_model^2 operations a step and 4 d_model for each key that it sees.
// Vaswani et al. 2017, arXiv:1706.03762; Su et al. 2021, arXiv:2104.09864 (rotary).
#pragma once

#include "layers/linear.h"
#include "layers/sequence_layer.h"

namespace lw {

struct TransformerOptions {
  int64_t heads = 4;
  int64_t mlp_ratio = 4;
  double rope_base = 10000;

  void describe(Fields& f);
};

class Transformer final : public SequenceLayer {
 public:
  Transformer(const TransformerOptions& options, const Stack& stack, const Random& random);
  Output forward(const Variable& u, const State& state, const Context& context) const override;

 private:
  int64_t heads_;
  double rope_base_;
  Linear &qkv_, &out_, &up_, &down_;
};

}  // namespace lw
