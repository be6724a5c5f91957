#include "apps/trainer.h"

#include <cmath>

#include "apps/generate.h"
#include "apps/replicas.h"
#include "apps/run.h"
#include "apps/signals.h"
#include "autograd/precision.h"
#include "autograd/profile.h"
#include "core/log.h"

namespace lw {
namespace {

/// Calls write(); a disk that refuses costs that file, not the run.
template <class Write>
void try_to(Write&& write) {
  try {
    write();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::disk) throw;
    log_warning(error.what());
  }
}

/// As it is printed: a NaN without its sign, which means nothing.
std::string number(double value) { return std::isnan(value) ? "nan" : str(value); }

}  // namespace

Trainer::Trainer(const RunConfig& config, Communicator& ranks)
    : config_(config),
      ranks_(ranks),
      data_(open_data(config)),
      model_(make_model(config, data_.task)) {
  const Loader order(*data_.train, loader_options());  // refuses a batch that does not fit
  total_steps_ = lw::total_steps(config_.train, order.steps_per_epoch());
  eval_every_ = config_.train.eval_every;
  if (eval_every_ == 0 && config_.train.epochs && !config_.train.steps)
    eval_every_ = order.steps_per_epoch();
  if (writes_text()) check_prompt(config_.sample, *data_.vocabulary);
  check(config_.train.monitor != "accuracy" || data_.task.target != Task::Target::value,
        "train.monitor is accuracy, but this task has none; use loss");
  // The test split is measured, but chooses nothing.
  check(data_.val || (config_.train.patience == 0 && config_.optim.schedule.kind != "plateau"),
        config_.train.patience > 0 ? "train.patience" : "optim.schedule.kind=plateau",
        " waits for the validation split, and these data have none\n  data.validation holds "
        "samples out for one");
  optimizer_ = config_.optim.make(FlatParameters(model_->parameters()));
  gradient_sums_ =
      std::make_unique<GradientSums>(optimizer_->parameters(), model_->parameters(), ranks_);
  schedule_ = std::make_unique<Schedule>(config_.optim.schedule, total_steps_);
  if (!schedule_->warning().empty()) warn(schedule_->warning());
  if (config_.optim.ema > 0)
    average_ = std::make_unique<WeightAverage>(optimizer_->parameters(), config_.optim.ema);
  ranks_.check_same("the config", portable_config(config_));
  ranks_.check_same("the data", data_.fingerprint);
}

bool Trainer::writes_text() const {
  return data_.task.autoregressive && data_.vocabulary && config_.sample.tokens > 0 &&
         model_->causal();
}

LoaderOptions Trainer::loader_options() const {
  return {.batch = config_.train.batch,
          .accumulate = config_.train.accumulate,
          .rank = ranks_.rank(),
          .world_size = ranks_.size(),
          .seed = static_cast<uint64_t>(config_.seed),
          .prefetch = 0};
}

int Trainer::run(RunFolder& folder, bool quiet) {
  check_replicas(ranks_, *model_);
  MetricsFile metrics =
      ranks_.first() ? MetricsFile(folder.metrics(), step_, evaluated_) : MetricsFile();
  LoaderOptions options = loader_options();
  options.prefetch = 2;
  loader_ = std::make_unique<Loader>(*data_.train, options, step_);
  window_started_ = Clock::now(), window_first_step_ = step_;
  try {
    if (save_first_) save(folder, metrics);
    finish_step(folder, metrics);
    while (!finished()) {
      throw_if_stop_requested(ranks_);
      const StepResult result = train_step();
      if (!quiet) progress_.show(progress_line(result), step_ == total_steps_);
      if (due(config_.train.log_every) || step_ == total_steps_) log_step(result, metrics);
      finish_step(folder, metrics);
    }
  } catch (const Interrupted&) {
    progress_.clear();
    if (!saved_) save(folder, metrics);
    write_plot(folder);
    folder.set_state("preempted", "stopped by a signal");
    log_info(str("stopped by a signal at step ", step_,
                 "; go on with: longwave train --resume auto ", folder.path().string()));
    return exit_preempted;
  }
  progress_.clear();
  write_plot(folder);
  folder.set_state("done",
                   step_ < total_steps_ ? str("no improvement in ", waited_, " evaluations") : "");
  return 0;
}

Trainer::StepResult Trainer::train_step() {
  StepResult result;
  int64_t samples = 0;  // of this rank
  Profile::restart();
  const Autocast precision(config_.precision == "bf16" ? DType::bf16 : DType::f32);
  for (int64_t micro = 0; micro < config_.train.accumulate; ++micro) {
    // A step that is left half-way leaves no trace, unless it has changed running averages.
    if (micro > 0 && model_->buffers().empty()) throw_if_stop_requested(ranks_);
    const Loader::Item item = loader_->next();
    result.epoch = item.epoch;
    Profile::mark("data", Profile::Pass::forward);
    const Training training(static_cast<uint64_t>(step_), item.first_sample);
    const Model::Result output =
        model_->forward(item.batch.inputs, {}, {.resets = item.batch.resets}, item.batch.lengths);
    const Objective part = objective(data_.task, output.y, item.batch, /*with_accuracy=*/false);
    if (micro + 1 == config_.train.accumulate) gradient_sums_->expect();
    part.loss_sum.backward();
    result.score += part.score;
    samples += item.batch.size();
  }
  gradient_sums_->finish();
  result.score = sum_over(ranks_, result.score);
  average_buffers(ranks_, *model_,
                  static_cast<double>(samples) / static_cast<double>(config_.train.batch));

  // The gradients are those of the sum over targets; dividing by their number makes them those of the mean.
  // A batch without one has no loss and no gradient; the step is made all the same.
  const double mean = 1 / static_cast<double>(std::max<int64_t>(1, result.score.count));
  if (result.score.count == 0)
    warn(str("step ", step_ + 1, ": no target of this batch counts; its loss is 0"));
  result.grad_norm = optimizer_->gradient_norm() * mean;
  if (!std::isfinite(result.score.loss_sum) || !std::isfinite(result.grad_norm))
    throw Error(str("step ", step_ + 1, ": the loss is ", number(result.score.loss()),
                    " and the norm of the gradient ", number(result.grad_norm),
                    "; the weights are as they were before this step\n  a lower optim.lr, a longer "
                    "warm-up or a smaller optim.clip_norm may help"),
                ErrorKind::diverged);
  const double factor = schedule_->factor(step_);
  result.lr = factor * config_.optim.lr;
  optimizer_->step(factor, mean * clip_scale(result.grad_norm, config_.optim.clip_norm));
  optimizer_->parameters().clear_gradients();
  if (average_) average_->update();
  Profile::mark("update", Profile::Pass::update);
  ++step_;
  window_ += result.score;
  evaluated_ = !(due(eval_every_) || step_ == total_steps_);
  sampled_ = !(due(config_.sample.every) || step_ == total_steps_);
  saved_ = false;
  return result;
}

void Trainer::finish_step(const RunFolder& folder, MetricsFile& metrics) {
  if (!evaluated_) {
    evaluate_now(metrics);
    write_plot(folder);
  }
  if (!sampled_) write_sample(folder);
  const bool improved = at_best() && config_.train.checkpoint_every > 0;
  const bool wanted = finished() || improved || due(config_.train.checkpoint_every);
  if (wanted && !saved_) save(folder, metrics);
}

void Trainer::evaluate_now(MetricsFile& metrics) {
  const bool validates = data_.val != nullptr;
  const Dataset* split = validates ? data_.val.get() : data_.test.get();
  if (split != nullptr) {
    const auto start = Clock::now();
    std::unique_ptr<WeightAverage::Swap> averaged;
    if (average_) averaged = std::make_unique<WeightAverage::Swap>(*average_);
    const int64_t batch = config_.train.batch / config_.train.accumulate;
    const std::string name = validates ? "val" : "test";
    const Score score = evaluate(*model_, data_.task, *split, name, batch, ranks_);
    Metrics line{.step = step_, .split = name, .values = named(score, data_.task)};
    line.values.emplace_back("eval_time_s",
                             std::chrono::duration<double>(Clock::now() - start).count());
    metrics.append(line);
    last_evaluation_.clear();
    for (const char* value : {"loss", "accuracy"})
      if (!std::isnan(line[value]))
        last_evaluation_ +=
            str(last_evaluation_.empty() ? "" : ", ", name, " ", value, " ", line[value]);
    progress_.clear();
    log_info(str("step ", step_, ": ", last_evaluation_));

    if (validates) {
      const double value = config_.train.monitor == "accuracy" ? -score.accuracy() : score.loss();
      schedule_->observe(value);
      const bool better = std::isfinite(value) && (best_step_ < 0 || value < best_);
      if (better) best_ = value, best_step_ = step_;
      waited_ = better ? 0 : waited_ + 1;
      if (stopped_early()) sampled_ = false;
    }
  }
  evaluated_ = true, saved_ = false;
  window_started_ = Clock::now(), window_first_step_ = step_,
  window_data_seconds_ = loader_->wait_seconds();
}

void Trainer::write_sample(const RunFolder& folder) {
  if (writes_text()) {
    std::unique_ptr<WeightAverage::Swap> averaged;
    if (average_) averaged = std::make_unique<WeightAverage::Swap>(*average_);
    std::vector<int64_t> tokens;
    const Sampling sampling{.temperature = config_.sample.temperature,
                            .seed = static_cast<uint64_t>(config_.seed)};
    generate(*model_, data_.vocabulary->encode(config_.sample.prompt), config_.sample.tokens,
             sampling, [&](int64_t token) {
               throw_if_stop_requested(ranks_);
               tokens.push_back(token);
               return true;
             });
    const std::string text = config_.sample.prompt + data_.vocabulary->decode(tokens);
    progress_.clear();
    if (ranks_.first()) try_to([&] { write_file(folder.sample(step_), text); });
    log_info(str("sample at step ", step_, ":\n", text, "\n"));
  }
  sampled_ = true, saved_ = false;
}

void Trainer::save(const RunFolder& folder, MetricsFile& metrics) {
  const SaveOptions options{.keep_last = config_.train.keep_last,
                            .best = at_best(),
                            .run_id = folder.path().filename().string()};
  try {
    check_replicas(ranks_, *model_);
    ranks_.on_first([&] {
      metrics.sync();
      save_checkpoint(folder.path(), content(), options);
    });
    saved_ = true;
  } catch (const Error& error) {
    // A failed save costs no step: the checkpoints before it stand, and the next one may succeed.
    if (error.kind() != ErrorKind::disk || finished() || ranks_.any(stop_requested())) throw;
    warn(str("checkpoint at step ", step_, " was not saved; training goes on\n", error.what()));
  }
}

void Trainer::warn(const std::string& text) {
  if (!ranks_.first()) return;
  progress_.clear();
  log_warning(text);
}

void Trainer::write_plot(const RunFolder& folder) const {
  if (!ranks_.first()) return;
  try_to([&] {
    write_file(folder.loss_plot(), svg(loss_chart(read_metrics(folder.metrics()), config_.name)));
  });
}

}  // namespace lw
