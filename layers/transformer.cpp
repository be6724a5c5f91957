#include "layers/transformer.h"

#include "autograd/ops/attention.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape.h"

namespace lw {

void TransformerOptions::describe(Fields& f) {
  f.optional("heads", heads, "attention heads; they divide d_model into even parts", positive());
  f.optional("mlp_ratio", mlp_ratio, "hidden channels of the perceptron for each of d_model",
             positive());
  f.optional("rope_base", rope_base,
             "the slowest rotary position turns by about 1 / rope_base a step", positive());
}

namespace {

const bool registered = sequence_layers().add<TransformerOptions, Transformer>("transformer");

}  // namespace

Transformer::Transformer(const TransformerOptions& o, const Stack& stack, const Random& random)
    : heads_(o.heads),
      rope_base_(o.rope_base),
      qkv_(child<Linear>(
          "qkv", LinearOptions{.in = stack.d_model, .out = 3 * stack.d_model, .bias = false},
          random)),
      out_(child<Linear>(
          "out", LinearOptions{.in = stack.d_model, .out = stack.d_model, .bias = false}, random)),
      up_(child<Linear>(
          "up", LinearOptions{.in = stack.d_model, .out = o.mlp_ratio * stack.d_model}, random)),
      down_(child<Linear>(
          "down", LinearOptions{.in = o.mlp_ratio * stack.d_model, .out = stack.d_model}, random)) {
  check(stack.d_model % (2 * o.heads) == 0, "transformer: d_model is ", stack.d_model, ", which ",
        o.heads, " heads do not divide into even parts\n  take a multiple of ", 2 * o.heads);
}

Output Transformer::forward(const Variable& u, const State& state, const Context& context) const {
  check(state.empty() || state.size() == 3, "transformer: expected a state of 3 tensors, received ",
        state.size());
  const int64_t width = u.size(2), past = state.empty() ? 0 : state[0].size(1);
  const auto [raw_q, raw_k, new_v] = split<3>(qkv_(u), {width, width, width});
  const Variable q = rotary(raw_q, heads_, past, rope_base_),
                 new_k = rotary(raw_k, heads_, past, rope_base_);
  const Variable k = past > 0 ? concat({state[0], new_k}, 1) : new_k,
                 v = past > 0 ? concat({state[1], new_v}, 1) : new_v;
  const AttentionOptions how{.heads = heads_,
                             .alive = past > 0 ? state[2].detach() : Variable(),
                             .resets = context.resets};
  Output out{.y = out_(attention(q, k, v, how)) + down_(gelu(up_(u)))};
  if (context.keep_state) out.state = {k, v, attention_alive(q, k, how)};
  return out;
}

}  // namespace lw
