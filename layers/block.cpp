#include "layers/block.h"

#include "autograd/ops/dropout.h"
#include "autograd/ops/elementwise.h"

namespace lw {

Variable Stream::sum() const { return branch.defined() ? residual + branch : residual; }

Block::Block(const BlockOptions& o, const SequenceLayers::Choice& layer, const Stack& stack,
             const Random& random)
    : options_(o), dropout_random_(random.fork("dropout")) {
  norm_ = &adopt("norm",
                 std::make_unique<Norm>(NormOptions{.kind = o.norm, .channels = stack.d_model}));
  layer_ = &adopt("layer", layer.build(stack, random.fork("layer")));
  if (o.gated)
    gate_ =
        &child<Linear>("gate", LinearOptions{.in = stack.d_model, .out = stack.d_model}, random);
}

Block::Input Block::input(const Stream& stream) const {
  if (!options_.prenorm) {
    const Variable sum = stream.sum();
    return {sum, sum};
  }
  if (!stream.branch.defined()) return {(*norm_)(stream.residual), stream.residual};
  const Norm::Sum added = norm_->add(stream.branch, stream.residual);
  return {added.normed, added.sum};
}

Block::Result Block::forward(const Stream& stream, const State& state,
                             const Context& context) const {
  const auto [x, residual] = input(stream);
  check(layer_->continuous() || (context.rate == 1 && !context.intervals.defined()),
        "Block: a rate or intervals were given to a layer that has no continuous time");
  Output out = layer_->forward(x, state, context);
  Variable branch = gate_ ? sigmoid((*gate_)(x)) * out.y : out.y;
  branch = dropout(branch, options_.dropout, dropout_random_, options_.tie_dropout);
  branch = drop_path(branch, options_.drop_path, dropout_random_.fork("path"));

  if (options_.prenorm) return {{residual, branch}, std::move(out.state)};
  return {{norm_->add(branch, residual).normed, Variable()}, std::move(out.state)};
}

}  // namespace lw
