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

Variable loss_sum(const Task& task, const Variable& y, const Tensor& targets) {
  if (task.target != Task::Target::value) return cross_entropy(y, targets, {.divisor = 1});
  const int64_t time = y.size(1);
  return mse(slice(y, 1, time - task.horizon, time), targets.to(y.device()), /*divisor=*/1);
}

int64_t count_targets(const Task& task, const Tensor& targets) {
  return task.target == Task::Target::value ? targets.numel() : counted_targets(targets);
}

Score score_of(const Task& task, const Variable& y, const Tensor& targets) {
  Score score{.loss_sum = loss_sum(task, y, targets).value().item(),
              .count = count_targets(task, targets)};
  if (task.target != Task::Target::value) score.correct = count_correct(y.value(), targets);
  return score;
}

}  // namespace lw
