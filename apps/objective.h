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

struct Objective {
  /// To be differentiated; gradients are divided by the count of the whole batch.
  Variable loss_sum;
  Score score;  ///< `correct` only if it was asked for
};

/// `y` is what the model answered to `batch`: [batch, class] or [batch, time, class or value].
Objective objective(const Task& task, const Variable& y, const Batch& batch, bool with_accuracy);

}  // namespace lw
