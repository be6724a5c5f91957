// Embedding: a table of vectors, one for each token.
//
// ids i64 [batch, time] -> [batch, time, d_model]. The table [vocabulary, d_model] starts normal
// with the given deviation (0.02, as GPT-2 and Mamba have it). Tied to a decoder, the same table is
// the weight of the output projection.
#pragma once

#include "layers/layer.h"

namespace lw {

struct EmbeddingOptions {
  int64_t vocabulary = 0;
  int64_t d_model = 0;
  double deviation = 0.02;
};

class Embedding final : public Layer {
 public:
  Embedding(const EmbeddingOptions& options, const Random& random);
  /// Throws Error naming the first id outside [0, vocabulary).
  Variable operator()(const Tensor& ids) const;

  const Variable& table() const { return table_; }

 private:
  Variable table_;  // [vocabulary, d_model]
};

}  // namespace lw
