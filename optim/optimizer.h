// Optimizer: turns gradients into parameter updates, in one pass over flat buffers.
//
//   FlatParameters flat(model.parameters());
//   auto optimizer = options.optim.make(flat);         // kind, rates and decay from the config
//
//   optimizer->prepare(schedule.factor(step), 1. / targets);   // the host's part: what this step is told
//   loss.backward();
//   optimizer->step(options.optim.clip_norm);                  // the device's part: norm, clip, update
//   optimizer->parameters().clear_gradients();
//
// Nothing of this waits for the device. What came of a step is a tensor there, outcome(). A step whose gradients or
// losses are not all finite changes no parameter and no state.
//
// Cost: one pass over the gradients for the norm, one over everything for the update; both bound by
// memory, each one launch. Determinism: the bits do not depend on the number of threads.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "kernels/update.h"
#include "optim/flat.h"

namespace lw {

/// How the parameters of one role are updated.
struct RoleSettings {
  double lr = 0;  ///< before the schedule
  double weight_decay = 0;
};
/// Indexed by Role.
using RoleTable = std::array<RoleSettings, roles>;

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  FlatParameters& parameters() { return parameters_; }
  /// How the parameters of a role are updated.
  const RoleSettings& settings(Role role) const { return table_[static_cast<size_t>(role)]; }
  /// The method's own numbers, for those who read a checkpoint: {"beta1", 0.9}, {"eps", 1e-8}.
  virtual std::map<std::string, double> constants() const { return {}; }

  /// Tells the device of the next update: the learning rate of every role times `lr_factor`, and the factor that
  /// gradients are multiplied with first.
  void prepare(double lr_factor = 1, double gradient_scale = 1);

  /// Updates every parameter, with its gradient scaled as prepare() said and brought within `clip_norm` (0: no limit).
  /// A parameter without a gradient counts as having gradient zero. `losses`, f64: the step is made only if they are
  /// finite too.
  void step(double clip_norm = 0, const Tensor& losses = {});

  /// What the last step found, f64 [3] where the parameters are: the norm of the scaled gradients before clipping, what
  /// gradients were multiplied with in all (NaN: the step was not made), the sum of the losses.
  const Tensor& outcome() const { return outcome_; }

  /// What the method remembers of one parameter: {"layers.0.in_proj.weight", "exp_avg", value}.
  /// `value` has the parameter's shape and is a view: writing through it restores a checkpoint.
  struct StateTensor {
    std::string parameter, name;
    Tensor value;
  };
  std::vector<StateTensor> state() const;
  /// Number of updates made; part of a checkpoint.
  int64_t updates() const { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }

 protected:
  /// `state_names`: the tensors that the method keeps for each parameter; they start at zero. `factors`: how many
  /// numbers the update of a role is given.
  Optimizer(FlatParameters parameters, const RoleTable& table, std::vector<std::string> state_names,
            int64_t factors);

  /// Writes the factors of a role for update number `update`, from 1.
  virtual void write_factors(double lr, double weight_decay, int64_t update,
                             double* factors) const = 0;
  /// Updates all parameters; `state` in the order of the state's names.
  virtual void update(const Tensor& gradients, const kernels::UpdateNumbers& numbers,
                      Tensor& values, Tensors& state) = 0;

 private:
  FlatParameters parameters_;
  RoleTable table_;
  std::vector<std::string> state_names_;
  Tensors state_;
  int64_t updates_ = 0;

  int64_t factors_;
  Tensor prepared_;  // f64: the gradient's scale, then the factors of each role
  Tensor outcome_;
  kernels::UpdateNumbers numbers_;  // views of these
};

/// The kinds that `optim.kind` may name, each with its options.
using Optimizers = Registry<std::unique_ptr<Optimizer>(const FlatParameters&, const RoleTable&)>;
Optimizers& optimizer_registry();

}  // namespace lw
