// The loss of a task, and how good an answer is.
#pragma once

#include "autograd/variable.h"
#include "data/dataset.h"

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

/// The sum over targets, to be differentiated; gradients are divided by the count of the whole batch. `y` is what the
/// model answered: [batch, class] or [batch, time, class or value].
Variable loss_sum(const Task& task, const Variable& y, const Tensor& targets);

/// Targets that count; they are on the host.
int64_t count_targets(const Task& task, const Tensor& targets);

/// How good the answer `y` is. The host waits for it.
Score score_of(const Task& task, const Variable& y, const Tensor& targets);

}  // namespace lw
