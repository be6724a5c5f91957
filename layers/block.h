// Block: norm, a sequence layer, dropout and the residual connection around them.
//
//   pre-norm    x <- x + drop(f(norm(x)))
//   post-norm   x <- norm(x + drop(f(x)))
//
// f is the layer; a gated block lets every channel choose how much of the branch it takes,
// f(x) <- sigmoid(W x + b) * layer(x). `drop` is dropout of elements and, per sample, of the whole
// branch (stochastic depth; Huang et al. 2016, arXiv:1603.09382).
//
// Between pre-norm blocks the sum of residual and branch is put off to the next norm, which needs
// it anyway and reads both once (Norm::add).
#pragma once

#include "layers/linear.h"
#include "layers/norm.h"
#include "layers/sequence_layer.h"

namespace lw {

struct BlockOptions {
  std::string norm = "layer";
  bool prenorm = true;
  bool gated = false;
  double dropout = 0;
  bool tie_dropout = false;  ///< one mask for all steps of a sample
  double drop_path = 0;      ///< probability that a sample skips the branch
};

/// The residual stream x = residual + branch, [batch, time, d_model]; an undefined branch is zero.
struct Stream {
  Variable residual;
  Variable branch;

  Variable sum() const;
};

class Block final : public Layer {
 public:
  Block(const BlockOptions& options, const SequenceLayers::Choice& layer, const Stack& stack,
        const Random& random);

  struct Result {
    Stream stream;
    State state;
  };
  Result forward(const Stream& stream, const State& state, const Context& context) const;

  struct Input {
    Variable x;         ///< what the layer reads
    Variable residual;  ///< what its output is added to
  };
  Input input(const Stream& stream) const;

  const SequenceLayer& layer() const { return *layer_; }

 private:
  BlockOptions options_;
  Random dropout_random_;
  Norm* norm_;
  SequenceLayer* layer_;
  Linear* gate_ = nullptr;
};

}  // namespace lw
