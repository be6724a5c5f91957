// Trainer: the training loop. Read this file and trainer.cpp to know what happens in a run.
//
// A step (apps/training_step.h) is: read a batch, differentiate the loss of each micro-batch, clip, update. After a
// step, in this order: metrics, evaluation, a sample of text, a checkpoint; where a signal stops this, a resumed run
// goes on with what was still to be done.
// A GPU is given steps ahead: the numbers of one are looked at when two more have been given, and before anything is
// evaluated, written or saved. A loss or gradient that is not finite thus ends the run a little later, but reaches
// neither weights nor checkpoints.
// Whatever a later step depends on is in the checkpoint; everything random is a function of the seed and
// the step (core/random.h). So a run that was killed and resumed equals one that was not, byte for byte.
//
// With several ranks every one of them runs this loop on its part of each batch (apps/replicas.h): sums over the ranks
// give all the same loss, gradient and decisions. Rank 0 alone writes files. On n ranks a run equals that of one
// process but for the order in which gradients are added: parameters agree to about 1e-5 after tens of steps.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "apps/checkpoint.h"
#include "apps/evaluate.h"
#include "apps/progress.h"
#include "apps/run_config.h"
#include "apps/run_folder.h"
#include "apps/training_step.h"

namespace lw {

class Trainer {
 public:
  /// Opens the data and builds model and optimizer; touches no file of a run. Throws Error where the ranks have
  /// different configs or data.
  Trainer(const RunConfig& config, Communicator& ranks);

  /// Takes weights, optimizer and position from a checkpoint of this run.
  void restore(const Path& checkpoint);
  /// Takes the weights alone, for a new run: the averaged ones, if they were kept, as the commands do that use a
  /// trained model. Throws Error listing what does not fit, and for a vocabulary that is not that of the data.
  void start_from(const Path& checkpoint);

  /// What is printed at the start: every parameter with its role, and the sizes that matter.
  std::string summary() const;

  int64_t step() const { return step_; }
  int64_t total_steps() const { return total_steps_; }
  /// Step of the best evaluation so far; -1: none was made. Its checkpoint may be gone.
  int64_t best_step() const { return best_step_; }
  /// After early stopping too; with a larger train.steps or train.patience the run goes on.
  bool finished() const {
    return (step_ >= total_steps_ || stopped_early()) && evaluated_ && sampled_;
  }

  /// What RUN.json gives as the reason of a finished run: nothing, or that it stopped early.
  std::string why_finished() const;

  /// Trains to the end, or to a signal. Returns the exit code: 0, or 75 after a signal; saved in both cases.
  /// A disk that refuses a file on the way costs a warning, at the end it is an Error. Throws Error (diverged)
  /// for a loss or gradient that is not finite, which reaches no weight.
  int run(RunFolder& folder, bool quiet);

 private:
  struct StepResult {
    int64_t step;  ///< updates done with this one
    Score score;
    double grad_norm, lr;
    int64_t epoch;
  };
  void train_step(TrainingStep& one);
  /// Looks at the numbers of all steps but the last `ahead`.
  void look_at_steps(size_t ahead, MetricsFile& metrics);
  /// Throws Error (diverged) for numbers that are not finite.
  StepResult result_of(const TrainingStep::Outcome& outcome) const;
  void log_step(const StepResult& result, MetricsFile& metrics);
  void finish_step(const RunFolder& folder, MetricsFile& metrics);
  void evaluate_now(MetricsFile& metrics);
  void write_sample(const RunFolder& folder);
  void save(const RunFolder& folder, MetricsFile& metrics);
  void write_plot(const RunFolder& folder) const;
  /// Warns once of what every rank meets.
  void warn(const std::string& text);

  bool at_best() const { return best_step_ == step_; }
  CheckpointContent content() const;
  LoaderOptions loader_options() const;
  bool due(int64_t every) const { return due(every, step_); }
  static bool due(int64_t every, int64_t step) {
    return every > 0 && step > 0 && step % every == 0;
  }
  bool stopped_early() const {
    return config_.train.patience > 0 && waited_ >= config_.train.patience;
  }
  /// Whether this is a language model that writes samples.
  bool writes_text() const;
  std::string progress_line(const StepResult& result) const;

  RunConfig config_;
  Communicator& ranks_;
  DataSource data_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<GradientSums> gradient_sums_;
  std::unique_ptr<WeightAverage> average_;  // null without optim.ema
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<Loader> loader_;
  Progress progress_;
  std::deque<TrainingStep::Outcome> outcomes_;  // of steps whose numbers have not been looked at
  bool quiet_ = false;
  int64_t total_steps_ = 0, eval_every_ = 0;
  bool saved_ = false;       // the run's checkpoint of step_ is of the present state
  bool save_first_ = false;  // the run starts from what only a checkpoint can tell

  // Saved in checkpoints.
  int64_t step_ = 0;        // updates done
  bool evaluated_ = true;   // no evaluation is due at step_, or it has been made
  bool sampled_ = true;     // likewise a sample of text
  Score window_;            // of the steps since the last line of metrics
  double best_ = 0;         // loss, or minus the accuracy, at best_step_
  int64_t best_step_ = -1;  // -1: no evaluation yet
  int64_t waited_ = 0;      // evaluations since the best

  // For rates and the progress line.
  using Clock = std::chrono::steady_clock;
  Clock::time_point window_started_;
  double window_data_seconds_ = 0;
  int64_t window_first_step_ = 0;
  std::string last_evaluation_;
};

}  // namespace lw
