#include "apps/objective.h"

#include <algorithm>

#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/mse.h"
#include "autograd/ops/shape.h"

namespace lw {
namespace {

/// Targets that the largest logit of their row hits; the first of equal ones counts.
int64_t count_correct(const Tensor& logits, const Tensor& targets) {
  const Tensor rows = logits.to(host).rows();
  const auto x = rows.view<const float, 2>();
  const auto* target = targets.data<int64_t>();
  int64_t correct = 0;
  for (int64_t i = 0; i < x.sizes[0]; ++i) {
    if (target[i] == ignored_target) continue;
    const float* row = &x(i, 0);
    correct += std::max_element(row, row + x.sizes[1]) - row == target[i];
  }
  return correct;
}

}  // namespace

Score& Score::operator+=(const Score& other) {
  loss_sum += other.loss_sum, count += other.count, correct += other.correct;
  return *this;
}

Objective objective(const Task& task, const Variable& y, const Batch& batch, bool with_accuracy) {
  Objective result;
  if (task.target == Task::Target::value) {
    const int64_t time = y.size(1);
    const Variable last = slice(y, 1, time - task.horizon, time);
    result.loss_sum = mse(last, batch.targets.to(y.device()), /*divisor=*/1);
    result.score.count = batch.targets.numel();
  } else {
    result.score.count = counted_targets(batch.targets);
    result.loss_sum = cross_entropy(y, batch.targets, {.divisor = 1});
    if (with_accuracy) result.score.correct = count_correct(y.value(), batch.targets);
  }
  result.score.loss_sum = result.loss_sum.value().item();
  return result;
}

}  // namespace lw
