// The loss of a task, and how good an answer is.
#pragma once

#include "data/dataset.h"
#include "layers/model.h"

namespace lw {

/// Sums over targets. They add up over micro-batches, batches and ranks.
struct Score {
  double loss_sum = 0;  ///< nats (labels, tokens) or squared error (values)
  int64_t count = 0;    ///< targets that count
  int64_t correct = 0;  ///< targets that the largest output hits; 0 for values

  /// Means over the targets that count; 0 if there are none.
  double loss() const { return mean(loss_sum); }
  double accuracy() const { return mean(static_cast<double>(correct)); }
  Score& operator+=(const Score& other);

 private:
  double mean(double sum) const { return count > 0 ? sum / static_cast<double>(count) : 0; }
};

/// The sum over the targets of a batch, to be differentiated; gradients are divided by the count of the whole batch. Of the
/// logits of a language model some rows at a time are in memory (autograd/ops/linear_cross_entropy.h).
Variable loss_sum(const Task& task, const Model& model, const Batch& batch);

/// Targets that count; they are on the host.
int64_t count_targets(const Task& task, const Tensor& targets);

/// How well the model answers a batch, whose signals are sampled at `rate` times the rate of training; nothing is recorded.
/// The host waits for it.
Score score_of(const Task& task, const Model& model, const Batch& batch, double rate = 1);

}  // namespace lw
