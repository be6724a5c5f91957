// Model: encoder, residual blocks, decoder. A sequence classifier or a language model, as the task
// asks.
//
//   encoder   tokens i64 [batch, time] -> embedding;  signals f32 [batch, time, feature] -> linear
//   blocks    n_layers blocks of one kind of sequence layer; with pre-norm a last norm follows
//   decoder   linear, of
//               last    the last step                       -> [batch, outputs]
//               mean    the mean over the steps that count  -> [batch, outputs]
//               every   each step                           -> [batch, time, outputs]
//
// With tied embeddings the decoder's weight is the embedding table. States are handed through the
// whole model: forward() over pieces of a sequence equals forward() over the whole.
//
// Memory of training, for n blocks, is that of the encoder and the decoder and
//   recompute none    what all blocks save for the backward pass
//             block   the inputs of all blocks, and what one block saves; one more forward pass
//             full    the inputs of 2 sqrt(n) blocks, and what one block saves; two more: sqrt(n)
//                     segments run again to find the inputs of their blocks, which run again
// Losses and gradients have the same bits; see autograd/checkpoint.h. A model that recomputes must
// outlive the backward pass.
#pragma once

#include <span>

#include "layers/block.h"
#include "layers/embedding.h"

namespace lw {

struct ModelOptions {
  SequenceLayers::Choice layer{sequence_layers()};
  int64_t d_model = 128;
  int64_t n_layers = 4;
  std::string norm = "layer";
  bool prenorm = true;
  std::string residual = "plain";  ///< plain or gated
  double dropout = 0;
  bool tie_dropout = false;
  double drop_path = 0;       ///< of the last block; it grows linearly over the depth, from 0
  std::string pool = "mean";  ///< mean or last: how a sequence becomes one label
  bool tie_embeddings = true;
  std::string recompute = "none";  ///< none, block or full

  void describe(Fields& f);
};

/// What goes in and comes out of a model; the task decides.
struct ModelPorts {
  int64_t vocabulary = 0;   ///< of the input tokens; 0: the input is a signal
  int64_t features = 0;     ///< of a signal
  int64_t outputs = 0;      ///< classes, or tokens, or values
  bool every_step = false;  ///< an output at each step, not one a sequence
};

/// The state of each block, from the first.
using ModelState = std::vector<State>;

class Model final : public Layer {
 public:
  Model(const ModelOptions& options, const ModelPorts& ports, const Random& random);

  struct Result {
    Variable y;  ///< [batch, outputs] or [batch, time, outputs]
    ModelState state;
  };
  /// `inputs` as described above; `lengths` i64 [batch], steps that count, or undefined. What is behind them changes
  /// nothing, but for the averages of batch norm. They, and the resets of the context, may be on the host; the result
  /// is on the model's device. Gradients reach signals that are there too.
  Result forward(const Variable& inputs, const ModelState& state = {}, const Context& context = {},
                 const Tensor& lengths = {}) const;

  /// forward() up to the decoder, for whoever does not need all of y at once.
  struct Hidden {
    Variable x;  ///< what the decoder reads: [batch, d_model] or [batch, time, d_model]
    ModelState state;
  };
  Hidden hidden(const Variable& inputs, const ModelState& state = {}, const Context& context = {},
                const Tensor& lengths = {}) const;

  /// y = x weight^T + bias.
  struct Decoder {
    Variable weight;  ///< [outputs, d_model]
    Variable bias;    ///< undefined where the weight is the embedding table
  };
  Decoder decoder() const;
  Variable decode(const Variable& x) const;

  /// What the layer of each block reads when the model reads `inputs`, [batch, time, d_model].
  Variables inputs_of_layers(const Tensor& inputs) const;

  const ModelPorts& ports() const { return ports_; }
  const std::vector<Block*>& blocks() const { return blocks_; }
  /// True if every layer can be stepped through: no bidirectional layer is among them.
  bool causal() const;
  /// True if every layer can be told another rate of samples.
  bool continuous() const;

 private:
  /// Blocks [begin, end). What flows through is the stream, residual and branch, and behind it the
  /// states of these blocks, if there are any. `pieces` are numbers of blocks: cut to pieces of the
  /// last number, which keep what flows in and run again in the backward pass, and there are cut to
  /// pieces of the number before. With no number left, everything is kept.
  Variables run(size_t begin, size_t end, std::span<const size_t> pieces, const Variables& flow,
                const Context& context) const;
  Variable encode(const Variable& inputs) const;

  ModelPorts ports_;
  std::string pool_;
  std::vector<size_t> pieces_;      // blocks in a piece that is run again, from the smallest
  Embedding* embedding_ = nullptr;  // of tokens
  Linear* encoder_ = nullptr;       // of signals
  std::vector<Block*> blocks_;
  Norm* last_norm_ = nullptr;
  Linear* decoder_ = nullptr;  // null if tied
};

}  // namespace lw
