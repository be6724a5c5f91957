#include "apps/training_step.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "apps/replicas.h"
#include "apps/signals.h"
#include "autograd/precision.h"
#include "core/index_check.h"
#include "core/log.h"
#include "kernels/accumulate/accumulate.h"

namespace lw {

namespace {

/// Whether steps of this run can be graphs, as far as is known before one is recorded.
bool may_capture(const Communicator& ranks, Device device) {
  const char* wish = std::getenv("LW_CUDA_GRAPH");
  return device != host && ranks.size() == 1 && !(wish != nullptr && std::string_view(wish) == "0");
}

/// What the ops refuse where they see the batch, which those of a graph do not.
void check_batch(const Task& task, const Batch& batch) {
  if (task.vocabulary > 0) check_indices("embedding", "ids", batch.inputs, task.vocabulary);
  if (task.target != Task::Target::value)
    check_indices("linear_cross_entropy", "targets", batch.targets, task.classes, ignored_target);
}

}  // namespace

TrainingStep::TrainingStep(const RunConfig& config, const Parts& parts)
    : config_(config),
      parts_(parts),
      loss_(Tensor::zeros({1}, DType::f64, parts.optimizer.outcome().device())),
      captures_(may_capture(parts.ranks, loss_.device())) {}

TrainingStep::Outcome TrainingStep::run(int64_t step, double lr_factor, const Source& next) {
  int64_t samples = 0, count = 0, epoch = 0;  // of this rank
  Profile::restart();
  const Autocast precision(config_.precision == "bf16" ? DType::bf16 : DType::f32);
  captured_ = true;
  loss_.fill(0);
  // All micro-batches add alike, so that one graph serves them.
  if (in_parts()) parts_.optimizer.parameters().zero_gradients();
  for (int64_t micro = 0; micro < config_.train.accumulate; ++micro) {
    // A step that is left half-way leaves no trace, unless it has changed running averages.
    if (micro > 0 && parts_.model.buffers().empty()) throw_if_stop_requested(parts_.ranks);
    const Loader::Item item = next();
    Profile::mark("data", Profile::Pass::forward);
    epoch = item.epoch;
    samples += item.batch.size();
    count += count_targets(parts_.task, item.batch.targets);
    if (CapturedStep* graph = graph_for(item)) {
      check_batch(parts_.task, item.batch);
      if (!in_parts()) prepare(lr_factor, count);
      graph->run(item.batch, step, item.first_sample);
    } else {
      captured_ = false;
      const Training training(static_cast<uint64_t>(step), item.first_sample);
      if (micro + 1 == config_.train.accumulate) parts_.gradient_sums.expect();
      differentiate(item.batch);
    }
  }
  if (!captured_ || in_parts()) {
    parts_.gradient_sums.finish();
    count = static_cast<int64_t>(parts_.ranks.sum(std::vector{static_cast<double>(count)})[0]);
    average_buffers(parts_.ranks, parts_.model,
                    static_cast<double>(samples) / static_cast<double>(config_.train.batch));
    prepare(lr_factor, count);
    update();
  }
  warm_ = true;
  return {step + 1, count, epoch, lr_factor, Readback(parts_.optimizer.outcome())};
}

// The gradients are those of the sum over targets; dividing by their number makes them those of the mean.
// A batch without one has no loss and no gradient; the step is made all the same.
void TrainingStep::prepare(double lr_factor, int64_t count) {
  parts_.optimizer.prepare(lr_factor, 1 / static_cast<double>(std::max<int64_t>(1, count)));
  if (parts_.average != nullptr) parts_.average->prepare();
}

CapturedStep* TrainingStep::graph_for(const Loader::Item& item) {
  // The first step, kernel by kernel, makes the tables and plans that are kept for all others.
  if (!captures_ || !warm_ || Profile::marking() || passed_ || !CapturedStep::takes(item.batch))
    return nullptr;
  if (graph_) return graph_->fits(item.batch) ? graph_.get() : nullptr;
  try {
    graph_ = std::make_unique<CapturedStep>(item.batch, [this](const Batch& b) {
      differentiate(b);
      if (!in_parts()) update();
    });
  } catch (const NotRecordable& error) {
    captures_ = false;
    if (!in_parts()) parts_.optimizer.parameters().clear_gradients();
    log_info(str("the steps are not captured in a CUDA graph: ", error.what()));
  }
  return graph_.get();
}

void TrainingStep::differentiate(const Batch& batch) {
  const Variable loss = loss_sum(parts_.task, parts_.model, batch);
  kernels::accumulate(loss.value().to(DType::f64).reshape({1}), loss_);
  tell(Profile::Pass::forward);
  loss.backward();
  tell(Profile::Pass::backward);
}

void TrainingStep::update() {
  parts_.optimizer.step(config_.optim.clip_norm, loss_);
  parts_.optimizer.parameters().clear_gradients();
  if (parts_.average != nullptr) parts_.average->update();
  Profile::mark("update", Profile::Pass::update);
  tell(Profile::Pass::update);
}

}  // namespace lw
