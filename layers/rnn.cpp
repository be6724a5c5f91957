#include "layers/rnn.h"

#include <cmath>

namespace lw {

void RnnLayerOptions::describe(Fields& f) {
  f.optional("d_hidden", d_hidden, "channels of the state; null: d_model", positive());
}

void LstmLayerOptions::describe(Fields& f) {
  RnnLayerOptions::describe(f);
  f.optional("forget_bias", forget_bias, "initial bias of the forget gate");
  f.optional("chrono", chrono,
             "longest memory that the forget and input gates start with, in steps; null: none",
             at_least(3));
}

void GruLayerOptions::describe(Fields& f) {
  RnnLayerOptions::describe(f);
  f.optional("chrono", chrono,
             "longest memory that the update gate starts with, in steps; null: none", at_least(3));
}

namespace {

const bool registered[] = {sequence_layers().add<RnnLayerOptions, RnnLayer>("rnn"),
                           sequence_layers().add<LstmLayerOptions, RnnLayer>("lstm"),
                           sequence_layers().add<GruLayerOptions, RnnLayer>("gru")};

}  // namespace

RnnLayer::RnnLayer(RnnCell cell, int64_t d_hidden, const Stack& stack, const Random& random)
    : cell_(cell),
      d_hidden_(d_hidden),
      in_proj_(child<Linear>(
          "in_proj", LinearOptions{.in = stack.d_model, .out = kernels::rnn_gates(cell) * d_hidden},
          random)),
      out_proj_(
          child<Linear>("out_proj", LinearOptions{.in = d_hidden, .out = stack.d_model}, random)) {
  const int64_t gates = kernels::rnn_gates(cell) * d_hidden;
  const double bound = 1 / std::sqrt(static_cast<double>(d_hidden));
  weight_ = parameter("weight", random.fork("weight").uniform({gates, d_hidden}, -bound, bound),
                      Role::matrix);
  bias_ = parameter("bias", random.fork("bias").uniform({gates}, -bound, bound), Role::bias);
}

RnnLayer::RnnLayer(const RnnLayerOptions& o, const Stack& stack, const Random& random)
    : RnnLayer(RnnCell::tanh, o.d_hidden.value_or(stack.d_model), stack, random) {}

RnnLayer::RnnLayer(const LstmLayerOptions& o, const Stack& stack, const Random& random)
    : RnnLayer(RnnCell::lstm, o.d_hidden.value_or(stack.d_model), stack, random) {
  constexpr int64_t input_gate = 0, forget_gate = 1;
  if (o.chrono) {
    Tensor bias = chrono_bias(*o.chrono, random), opposite = bias.clone();
    for (int64_t c = 0; c < d_hidden_; ++c) opposite.data<float>()[c] *= -1;
    set_bias(forget_gate, bias);
    set_bias(input_gate, opposite);
  } else {
    set_bias(forget_gate, Tensor::full({d_hidden_}, o.forget_bias));
  }
}

RnnLayer::RnnLayer(const GruLayerOptions& o, const Stack& stack, const Random& random)
    : RnnLayer(RnnCell::gru, o.d_hidden.value_or(stack.d_model), stack, random) {
  constexpr int64_t update_gate = 1;
  if (o.chrono) set_bias(update_gate, chrono_bias(*o.chrono, random));
}

Tensor RnnLayer::chrono_bias(int64_t T, const Random& random) const {
  Tensor bias = random.fork("chrono").uniform({d_hidden_}, 1, static_cast<double>(T - 1)).to(host);
  for (int64_t c = 0; c < d_hidden_; ++c) bias.data<float>()[c] = std::log(bias.data<float>()[c]);
  return bias;
}

void RnnLayer::set_bias(int64_t gate, const Tensor& values) {
  const auto part = [&](const Variable& bias) {
    return bias.value().slice(0, gate * d_hidden_, (gate + 1) * d_hidden_);
  };
  part(bias_).copy_from(values);
  part(in_proj_.bias()).fill(0);
}

Output RnnLayer::forward(const Variable& u, const State& state, const Context& context) const {
  check(state.size() <= 1, "rnn: expected a state of 1 tensor, received ", state.size());
  const RnnResult result =
      rnn(cell_, in_proj_(u), weight_, bias_,
          {.state = state.empty() ? Variable() : state[0], .resets = context.resets});
  Output out{.y = out_proj_(result.h)};
  if (context.keep_state) out.state = {result.state};
  return out;
}

}  // namespace lw
