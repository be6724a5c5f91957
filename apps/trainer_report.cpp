// What a run tells of itself: its first lines, the progress line, the lines of metrics.
#include <algorithm>
#include <cstdio>

#include "apps/output.h"
#include "apps/trainer.h"
#include "core/memory.h"

namespace lw {

void Trainer::log_step(const StepResult& result, MetricsFile& metrics) {
  const double seconds = std::chrono::duration<double>(Clock::now() - window_started_).count();
  const auto samples =
      static_cast<double>((result.step - window_first_step_) * config_.train.batch);
  const double waited = loader_->wait_seconds() - window_data_seconds_;
  const bool tokens = data_.task.vocabulary > 0;
  const double items = samples * (tokens ? static_cast<double>(data_.task.length) : 1);
  metrics.append(
      {.step = result.step,
       .split = "train",
       .values = {
           {"loss", window_.loss()},
           {"lr", result.lr},
           {"grad_norm", result.grad_norm},
           {"epoch", static_cast<double>(result.epoch)},
           {tokens ? "tokens_per_s" : "samples_per_s", items / seconds},
           {"step_ms", 1000 * seconds / static_cast<double>(result.step - window_first_step_)},
           {"data_wait_share", waited / seconds},
           {"mem_peak_bytes", static_cast<double>(memory_use(default_device()).peak)}}});
  window_ = Score();
  window_started_ = Clock::now(), window_first_step_ = result.step,
  window_data_seconds_ = loader_->wait_seconds();
}

std::string Trainer::progress_line(const StepResult& result) const {
  const bool tokens = data_.task.vocabulary > 0;
  const double seconds = std::chrono::duration<double>(Clock::now() - window_started_).count();
  const double step_seconds =
      seconds / static_cast<double>(std::max<int64_t>(1, result.step - window_first_step_));
  const double items = static_cast<double>(config_.train.batch) *
                       (tokens ? static_cast<double>(data_.task.length) : 1);
  char line[256];
  std::snprintf(
      line, sizeof line,
      "step %lld/%lld %d%% | loss %.4f | lr %.3g | gnorm %.3g | %s %s/s (%.0f ms) | mem "
      "%s | ETA %s",
      static_cast<long long>(result.step), static_cast<long long>(total_steps_),
      static_cast<int>(100 * result.step / total_steps_), result.score.loss(), result.lr,
      result.grad_norm, short_number(items / step_seconds).c_str(), tokens ? "tokens" : "samples",
      1000 * step_seconds, text_of_bytes(memory_use(default_device()).peak).c_str(),
      duration_text(step_seconds * static_cast<double>(total_steps_ - result.step)).c_str());
  return last_evaluation_.empty() ? line : str(line, " | ", last_evaluation_);
}

std::string Trainer::summary() const {
  const Parameters parameters = model_->parameters();
  int64_t count = 0;
  for (const Parameter& p : parameters) count += p.value.value().numel();
  return str(to_text(parameter_table(parameters, config_.optim)), "\n",
             short_number(static_cast<double>(count)), " parameters, ", data_.train->size(),
             " training samples of ", data_.task.length, " steps, ", total_steps_, " steps of ",
             config_.train.batch, " sequences");
}

}  // namespace lw
