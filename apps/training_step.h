// TrainingStep: what a step computes. It is given to the device as a whole; the host does not wait for it.
//
//   for each micro-batch:  forward, backward
//   sums over the ranks
//   norm of the gradients, clip, update, averaged weights
//
// What the step depends on besides the batch (rates, decay, number of targets) is sent to the device before the update;
// what it found (loss, norm of the gradient) comes back in an Outcome, to be looked at later.
//
// On a GPU the first step is given kernel by kernel; from the second on the whole of it is one CUDA graph, or with several
// micro-batches the passes of each of them, where that can be: not with several ranks, with batches of other shapes, for
// models that need the host (S4 on sequences longer than its l_max), while a profile is taken or the passes are watched, or
// with LW_CUDA_GRAPH=0 in the environment. The bits are the same.
//
// Cost on the host: that of starting the kernels, or a graph. On the CPU a step is done when run() returns.
// Errors: those of the data, and of tokens and labels out of range. A step whose loss or gradient is not finite changes
// no parameter; its outcome says so.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "apps/captured_step.h"
#include "apps/objective.h"
#include "apps/run_config.h"
#include "autograd/profile.h"
#include "core/communicator.h"
#include "core/readback.h"
#include "data/loader.h"
#include "optim/ema.h"
#include "optim/gradient_sums.h"

namespace lw {

class TrainingStep {
 public:
  /// What a step works on; `average` may be null.
  struct Parts {
    const Task& task;
    const Model& model;
    Optimizer& optimizer;
    GradientSums& gradient_sums;
    WeightAverage* average;
    Communicator& ranks;
  };
  TrainingStep(const RunConfig& config, const Parts& parts);

  /// A step that the device was given.
  struct Outcome {
    int64_t step;   ///< updates done with this one
    int64_t count;  ///< targets, over all ranks
    int64_t epoch;
    double lr_factor;
    Readback numbers;  ///< Optimizer::outcome() of this rank

    double grad_norm() const { return numbers.wait()[0]; }
    /// The sum over this rank's targets.
    double loss_sum() const { return numbers.wait()[2]; }
  };
  /// Where the micro-batches of a step come from, one a call: Loader::next().
  using Source = std::function<Loader::Item()>;
  /// Step number `step`, from 0. Throws Interrupted at a signal.
  Outcome run(int64_t step, double lr_factor, const Source& next);

  /// Calls passed(pass) behind every pass, for those who time them; with null no longer.
  void watch(std::function<void(Profile::Pass)> passed) { passed_ = std::move(passed); }

  /// Whether the passes of the last step were graphs.
  bool captured() const { return captured_; }

 private:
  /// Whether a step has several micro-batches.
  bool in_parts() const { return config_.train.accumulate > 1; }
  /// The graph for a micro-batch, or null.
  CapturedStep* graph_for(const Loader::Item& item);
  /// Sends what the update of `count` targets depends on.
  void prepare(double lr_factor, int64_t count);
  /// Forward and backward pass; the sum of the losses is added to `loss_`.
  void differentiate(const Batch& batch);
  void update();
  void tell(Profile::Pass pass) const {
    if (passed_) passed_(pass);
  }

  const RunConfig& config_;
  Parts parts_;
  Tensor loss_;    // f64 [1]: the sum over this rank's targets
  bool captures_;  // graphs may be tried
  bool warm_ = false, captured_ = false;
  std::unique_ptr<CapturedStep> graph_;
  std::function<void(Profile::Pass)> passed_;
};

}  // namespace lw
