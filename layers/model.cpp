#include "layers/model.h"

#include <algorithm>
#include <cmath>

#include "autograd/checkpoint.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/pool.h"

namespace lw {

void ModelOptions::describe(Fields& f) {
  f.choice("layer", layer, "kind of the sequence layer; its own options stand beside it");
  f.optional("d_model", d_model, "width: channels of the residual stream", positive());
  f.optional("n_layers", n_layers, "number of residual blocks", between(1, 10000));
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
  f.optional(
      "recompute", recompute,
      "memory for time, gradients the same to the bit: none stores what every block computes; "
      "block only their inputs, for one more forward pass; full only the inputs of some, for two",
      one_of({"none", "block", "full"}));
}

namespace {

/// The sizes of the pieces that a policy runs again, see Model::run.
std::vector<size_t> recomputed_pieces(const std::string& policy, int64_t n_layers) {
  if (policy == "none") return {};
  if (policy == "block") return {1};
  return {1, static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(n_layers))))};
}

/// The states that flow behind the stream, `each` of every block.
State state_of(const Variables& flow, size_t block, size_t each) {
  const auto begin = flow.begin() + static_cast<std::ptrdiff_t>(2 + block * each);
  return {begin, begin + static_cast<std::ptrdiff_t>(each)};
}

/// `resets`, with what follows each sequence as a document of its own: a layer that reads backwards would begin there.
Tensor apart_from_padding(const Tensor& resets, const Tensor& lengths, const Tensor& x) {
  const int64_t batch = x.size(0), time = x.size(1);
  check(lengths.shape() == Shape({batch}) && lengths.dtype() == DType::i64,
        "Model: expected lengths i64 ", Shape({batch}), ", received ", lengths);
  const Tensor counts = lengths.to(host).contiguous();
  Tensor apart = resets ? resets.to(host).clone() : Tensor::zeros({batch, time}, DType::u8, host);
  bool padded = false;
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t length = counts.data<int64_t>()[b];
    if (length < 0 || length >= time) continue;
    apart.data<uint8_t>()[b * time + length] = 1;
    padded = true;
  }
  return padded ? apart : resets;
}

size_t states_each(const Variables& flow, size_t blocks) { return (flow.size() - 2) / blocks; }

void append(Variables& flow, const State& state) {
  flow.insert(flow.end(), state.begin(), state.end());
}

}  // namespace

Model::Model(const ModelOptions& o, const ModelPorts& ports, const Random& random)
    : ports_(ports), pool_(o.pool), pieces_(recomputed_pieces(o.recompute, o.n_layers)) {
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

Model::Result Model::forward(const Variable& inputs, const ModelState& state,
                             const Context& context, const Tensor& lengths) const {
  Hidden read = hidden(inputs, state, context, lengths);
  return {decode(read.x), std::move(read.state)};
}

Model::Hidden Model::hidden(const Variable& inputs, const ModelState& state, const Context& context,
                            const Tensor& lengths) const {
  const size_t n = blocks_.size();
  check(state.empty() || state.size() == n, "Model: a state of ", state.size(),
        " layers was given to a model of ", n);
  Variables flow{encode(inputs), Variable()};
  for (const State& s : state) {
    check(s.size() == state[0].size(), "Model: the state of one layer has ", s.size(),
          " tensors, that of the first ", state[0].size());
    append(flow, s);
  }
  Context here = context;
  if (lengths.defined() && !causal())
    here.resets = apart_from_padding(here.resets, lengths, flow[0].value());
  if (here.resets.defined()) here.resets = here.resets.to(flow[0].device());
  flow = run(0, n, pieces_, flow, here);

  Hidden result;
  const Stream stream{flow[0], flow[1]};
  for (size_t i = 0; i < n; ++i) result.state.push_back(state_of(flow, i, states_each(flow, n)));
  result.x = !last_norm_               ? stream.sum()
             : stream.branch.defined() ? last_norm_->add(stream.branch, stream.residual).normed
                                       : (*last_norm_)(stream.residual);
  if (!ports_.every_step)
    result.x = pool_ == "mean" ? mean_pool(result.x, lengths) : last_step(result.x, lengths);
  return result;
}

Variables Model::run(size_t begin, size_t end, std::span<const size_t> pieces,
                     const Variables& flow, const Context& context) const {
  const size_t step = pieces.empty() ? 1 : pieces.back(), each = states_each(flow, end - begin);
  Variables stream{flow[0], flow[1]}, states;
  for (size_t at = begin; at < end; at += step) {
    const size_t stop = std::min(at + step, end);
    Variables part = stream;
    for (size_t i = at; i < stop; ++i) append(part, state_of(flow, i - begin, each));
    const auto piece = [this, at, stop, pieces, context](const Variables& in) {
      if (!pieces.empty()) return run(at, stop, pieces.first(pieces.size() - 1), in, context);
      const size_t all = in.size() - 2;
      Block::Result out = blocks_[at]->forward({in[0], in[1]}, state_of(in, 0, all), context);
      Variables result{std::move(out.stream.residual), std::move(out.stream.branch)};
      append(result, out.state);
      return result;
    };
    const Variables out = pieces.empty() ? piece(part) : checkpoint(piece, part);
    stream = {out[0], out[1]};
    states.insert(states.end(), out.begin() + 2, out.end());
  }
  append(stream, states);
  return stream;
}

Variable Model::encode(const Variable& inputs) const {
  if (embedding_) return (*embedding_)(inputs.value());
  const Device device = encoder_->weight().device();
  return (*encoder_)(inputs.device() == device ? inputs : Variable(inputs.value().to(device)));
}

Model::Decoder Model::decoder() const {
  if (decoder_) return {decoder_->weight(), decoder_->bias()};
  return {embedding_->table(), {}};
}

Variable Model::decode(const Variable& x) const {
  const auto [weight, bias] = decoder();
  return linear(x, weight, bias);
}

Variables Model::inputs_of_layers(const Tensor& inputs) const {
  Variables all;
  Stream stream{encode(inputs), Variable()};
  for (const Block* block : blocks_) {
    all.push_back(block->input(stream).x);
    stream = block->forward(stream, {}, {}).stream;
  }
  return all;
}

bool Model::continuous() const {
  for (const Block* block : blocks_)
    if (!block->layer().continuous()) return false;
  return true;
}

bool Model::causal() const {
  for (const Block* block : blocks_)
    if (!block->layer().causal()) return false;
  return true;
}

}  // namespace lw
