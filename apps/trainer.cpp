#include "apps/trainer.h"

#include <cmath>

#include "apps/generate.h"
#include "apps/replicas.h"
#include "apps/run.h"
#include "apps/run_lookup.h"
#include "apps/signals.h"
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

/// Steps that a GPU is given before the host looks at the first: it never runs dry.
constexpr size_t steps_ahead = 2;

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
  TrainingStep step(config_,
                    {data_.task, *model_, *optimizer_, *gradient_sums_, average_.get(), ranks_});
  const size_t ahead = default_device() == host ? 0 : steps_ahead;
  quiet_ = quiet;
  window_started_ = Clock::now(), window_first_step_ = step_;
  try {
    if (save_first_) save(folder, metrics);
    finish_step(folder, metrics);
    while (!finished()) {
      throw_if_stop_requested(ranks_);
      train_step(step);
      look_at_steps(ahead, metrics);
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
  folder.set_state("done", why_finished());
  return 0;
}

std::string Trainer::why_finished() const {
  return step_ < total_steps_ ? str("no improvement in ", waited_, " evaluations") : "";
}

void Trainer::train_step(TrainingStep& one) {
  outcomes_.push_back(one.run(step_, schedule_->factor(step_), [this] { return loader_->next(); }));
  ++step_;
  if (outcomes_.back().count == 0)
    warn(str("step ", step_, ": no target of this batch counts; its loss is 0"));
  evaluated_ = !(due(eval_every_) || step_ == total_steps_);
  sampled_ = !(due(config_.sample.every) || step_ == total_steps_);
  saved_ = false;
}

void Trainer::look_at_steps(size_t ahead, MetricsFile& metrics) {
  for (; outcomes_.size() > ahead; outcomes_.pop_front()) {
    const StepResult result = result_of(outcomes_.front());
    const bool last = result.step == total_steps_;
    window_ += result.score;
    if (!quiet_) progress_.show(progress_line(result), last);
    if (due(config_.train.log_every, result.step) || last) log_step(result, metrics);
  }
}

Trainer::StepResult Trainer::result_of(const TrainingStep::Outcome& outcome) const {
  const Score score{.loss_sum = ranks_.sum(std::vector{outcome.loss_sum()})[0],
                    .count = outcome.count};
  const double norm = outcome.grad_norm();
  if (!std::isfinite(score.loss_sum) || !std::isfinite(norm))
    throw Error(str("step ", outcome.step, ": the loss is ", number(score.loss()),
                    " and the norm of the gradient ", number(norm),
                    "; nothing of this step is saved\n  a lower optim.lr, a longer warm-up or a "
                    "smaller optim.clip_norm may help"),
                ErrorKind::diverged);
  return {outcome.step, score, norm, outcome.lr_factor * config_.optim.lr, outcome.epoch};
}

void Trainer::finish_step(const RunFolder& folder, MetricsFile& metrics) {
  if (!evaluated_) {
    evaluate_now(metrics);
    write_plot(folder);
  }
  if (!sampled_) {
    look_at_steps(0, metrics);
    write_sample(folder);
  }
  const bool improved = at_best() && config_.train.checkpoint_every > 0;
  const bool wanted = finished() || improved || due(config_.train.checkpoint_every);
  if (wanted && !saved_) save(folder, metrics);
}

void Trainer::evaluate_now(MetricsFile& metrics) {
  look_at_steps(0, metrics);
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
  look_at_steps(0, metrics);
  const SaveOptions options{.keep_last = config_.train.keep_last,
                            .best = at_best(),
                            .run_id = absolute_path(folder.path()).filename().string()};
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
