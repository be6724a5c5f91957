#include "layers/model.h"

#include "autograd/ops/linear.h"
#include "autograd/ops/pool.h"

namespace lw {

void ModelOptions::describe(Fields& f) {
  f.choice("layer", layer, "kind of the sequence layer; its own options stand beside it");
  f.optional("d_model", d_model, "width: channels of the residual stream", positive());
  f.optional("n_layers", n_layers, "number of residual blocks", positive());
  f.optional("norm", norm, "normalisation of each block", one_of(norm_kinds));
  f.optional("prenorm", prenorm, "norm before the layer (true) or after the residual sum (false)");
  f.optional("residual", residual,
             "plain, or gated: the branch is scaled by a sigmoid of the input",
             one_of({"plain", "gated"}));
  f.optional("dropout", dropout, "probability that an element of a branch is dropped",
             probability());
  f.optional("tie_dropout", tie_dropout, "one dropout mask for all steps of a sample");
  f.optional("drop_path", drop_path,
             "probability that a sample skips the last block; linear in depth", probability());
  f.optional("pool", pool, "what a label is decoded from", one_of({"mean", "last"}));
  f.optional("tie_embeddings", tie_embeddings,
             "the output projection of a language model is its embedding table");
}

Model::Model(const ModelOptions& o, const ModelPorts& ports, const Random& random)
    : ports_(ports), pool_(o.pool) {
  check(ports.outputs > 0, "Model: expected a positive number of outputs, received ",
        ports.outputs);
  check(ports.vocabulary > 0 || ports.features > 0,
        "Model: the input has neither a vocabulary nor features");
  if (ports.vocabulary > 0) {
    embedding_ = &child<Embedding>(
        "embedding", EmbeddingOptions{.vocabulary = ports.vocabulary, .d_model = o.d_model},
        random);
  } else {
    encoder_ =
        &child<Linear>("encoder", LinearOptions{.in = ports.features, .out = o.d_model}, random);
  }
  const Stack stack{.d_model = o.d_model, .n_layers = o.n_layers};
  for (int64_t i = 0; i < o.n_layers; ++i) {
    const double depth =
        o.n_layers == 1 ? 1 : static_cast<double>(i) / static_cast<double>(o.n_layers - 1);
    const BlockOptions block{.norm = o.norm,
                             .prenorm = o.prenorm,
                             .gated = o.residual == "gated",
                             .dropout = o.dropout,
                             .tie_dropout = o.tie_dropout,
                             .drop_path = o.drop_path * depth};
    const std::string name = "layers." + std::to_string(i);
    blocks_.push_back(
        &adopt(name, std::make_unique<Block>(block, o.layer, stack, random.fork(name))));
  }
  if (o.prenorm)
    last_norm_ =
        &adopt("norm", std::make_unique<Norm>(NormOptions{.kind = o.norm, .channels = o.d_model}));
  const bool tied = o.tie_embeddings && ports.every_step && ports.vocabulary == ports.outputs;
  if (!tied)
    decoder_ =
        &child<Linear>("decoder", LinearOptions{.in = o.d_model, .out = ports.outputs}, random);
}

Model::Result Model::forward(const Tensor& inputs, const ModelState& state, const Context& context,
                             const Tensor& lengths) const {
  check(state.empty() || state.size() == blocks_.size(), "Model: a state of ", state.size(),
        " layers was given to a model of ", blocks_.size());
  Stream stream{embedding_ ? (*embedding_)(inputs) : (*encoder_)(inputs), Variable()};
  Result result;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    Block::Result block = blocks_[i]->forward(stream, state.empty() ? State() : state[i], context);
    stream = std::move(block.stream);
    result.state.push_back(std::move(block.state));
  }
  Variable x = !last_norm_               ? stream.sum()
               : stream.branch.defined() ? last_norm_->add(stream.branch, stream.residual).normed
                                         : (*last_norm_)(stream.residual);
  result.y = decode(x, lengths);
  return result;
}

Variable Model::decode(const Variable& x, const Tensor& lengths) const {
  Variable pooled = x;
  if (!ports_.every_step) pooled = pool_ == "mean" ? mean_pool(x, lengths) : last_step(x, lengths);
  return decoder_ ? (*decoder_)(pooled) : linear(pooled, embedding_->table());
}

bool Model::causal() const {
  for (const Block* block : blocks_)
    if (!block->layer().causal()) return false;
  return true;
}

}  // namespace lw
