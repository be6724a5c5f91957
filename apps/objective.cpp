#include "apps/objective.h"

#include <algorithm>

#include "autograd/ops/linear_cross_entropy.h"
#include "autograd/ops/mse.h"
#include "autograd/ops/shape.h"

namespace lw {
namespace {

constexpr int64_t logits_at_once = 1 << 24;  // of which hits are counted

Model::Hidden hidden_of(const Model& model, const Batch& batch, double rate) {
  return model.hidden(batch.inputs, {}, {.resets = batch.resets, .rate = rate}, batch.lengths);
}

/// The sum of squared errors of the last steps.
Variable squared_error(const Task& task, const Variable& y, const Tensor& targets) {
  const int64_t time = y.size(1);
  return mse(slice(y, 1, time - task.horizon, time), targets.to(y.device()), /*divisor=*/1);
}

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

Variable loss_sum(const Task& task, const Model& model, const Batch& batch) {
  const Variable x = hidden_of(model, batch, /*rate=*/1).x;
  if (task.target == Task::Target::value)
    return squared_error(task, model.decode(x), batch.targets);
  const auto [weight, bias] = model.decoder();
  return linear_cross_entropy(x, weight, bias, batch.targets, {.divisor = 1});
}

int64_t count_targets(const Task& task, const Tensor& targets) {
  return task.target == Task::Target::value ? targets.numel() : counted_targets(targets);
}

Score score_of(const Task& task, const Model& model, const Batch& batch, double rate) {
  const NoGrad no_grad;
  const Variable x = hidden_of(model, batch, rate).x;
  Score score{.count = count_targets(task, batch.targets)};
  if (task.target == Task::Target::value) {
    score.loss_sum = squared_error(task, model.decode(x), batch.targets).value().item();
    return score;
  }
  const Tensor rows = x.value().rows(), targets = batch.targets.reshape({-1});
  const int64_t piece = std::max<int64_t>(64, logits_at_once / task.classes);
  for (int64_t begin = 0; begin < rows.size(0); begin += piece) {
    const int64_t end = std::min(rows.size(0), begin + piece);
    const Variable logits = model.decode(rows.slice(0, begin, end));
    const Tensor part = targets.slice(0, begin, end);
    score.loss_sum += cross_entropy(logits, part, {.divisor = 1}).value().item();
    score.correct += count_correct(logits.value(), part);
  }
  return score;
}

}  // namespace lw
