#include "apps/training_step.h"

#include <algorithm>

#include "apps/replicas.h"
#include "apps/signals.h"
#include "autograd/precision.h"
#include "autograd/profile.h"

namespace lw {

TrainingStep::TrainingStep(const RunConfig& config, const Parts& parts)
    : config_(config),
      parts_(parts),
      losses_(Tensor::zeros({config.train.accumulate}, DType::f64,
                            parts.optimizer.outcome().device())) {}

TrainingStep::Outcome TrainingStep::run(int64_t step, double lr_factor, Loader& loader) {
  int64_t samples = 0, count = 0, epoch = 0;  // of this rank
  Profile::restart();
  const Autocast precision(config_.precision == "bf16" ? DType::bf16 : DType::f32);
  for (int64_t micro = 0; micro < config_.train.accumulate; ++micro) {
    // A step that is left half-way leaves no trace, unless it has changed running averages.
    if (micro > 0 && parts_.model.buffers().empty()) throw_if_stop_requested(parts_.ranks);
    const Loader::Item item = loader.next();
    Profile::mark("data", Profile::Pass::forward);
    const Training training(static_cast<uint64_t>(step), item.first_sample);
    differentiate(item.batch, micro);
    epoch = item.epoch;
    samples += item.batch.size();
    count += count_targets(parts_.task, item.batch.targets);
  }
  parts_.gradient_sums.finish();
  count = static_cast<int64_t>(parts_.ranks.sum(std::vector{static_cast<double>(count)})[0]);
  average_buffers(parts_.ranks, parts_.model,
                  static_cast<double>(samples) / static_cast<double>(config_.train.batch));

  // The gradients are those of the sum over targets; dividing by their number makes them those of the mean.
  // A batch without one has no loss and no gradient; the step is made all the same.
  const double mean = 1 / static_cast<double>(std::max<int64_t>(1, count));
  parts_.optimizer.prepare(lr_factor, mean);
  if (parts_.average != nullptr) parts_.average->prepare();
  update();
  return {step + 1, count, epoch, lr_factor, Readback(parts_.optimizer.outcome())};
}

void TrainingStep::differentiate(const Batch& batch, int64_t micro) {
  const Model::Result output =
      parts_.model.forward(batch.inputs, {}, {.resets = batch.resets}, batch.lengths);
  const Variable loss = loss_sum(parts_.task, output.y, batch.targets);
  losses_.select(0, micro).copy_from(loss.value());
  if (micro + 1 == config_.train.accumulate) parts_.gradient_sums.expect();
  loss.backward();
}

void TrainingStep::update() {
  parts_.optimizer.step(config_.optim.clip_norm, losses_);
  parts_.optimizer.parameters().clear_gradients();
  if (parts_.average != nullptr) parts_.average->update();
  Profile::mark("update", Profile::Pass::update);
}

}  // namespace lw
