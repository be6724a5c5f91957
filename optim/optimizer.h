// Optimizer: turns gradients into parameter updates, in one pass over flat buffers.
//
//   FlatParameters flat(model.parameters());
//   auto optimizer = options.optim.make(flat);         // kind, rates and decay from the config
//
//   loss.backward();
//   const double norm = optimizer->gradient_norm();    // not finite: skip the step, or stop
//   optimizer->step(schedule.factor(step), clip_scale(norm, options.optim.clip_norm));
//   optimizer->parameters().clear_gradients();
//
// Cost: one pass over the gradients for the norm, one over everything for the update; both bound by
// memory. Determinism: the bits do not depend on the number of threads.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "optim/flat.h"

namespace lw {

/// How the parameters of one role are updated.
struct RoleSettings {
  double lr = 0;  ///< before the schedule
  double weight_decay = 0;
};
/// Indexed by Role.
using RoleTable = std::array<RoleSettings, roles>;

/// The factor that brings gradients of the given norm within clip_norm; 1 if they are, or if
/// clip_norm is 0.
double clip_scale(double norm, double clip_norm);

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  FlatParameters& parameters() { return parameters_; }

  /// The Euclidean norm of all gradients together, in double. Not finite exactly if some gradient
  /// is not.
  double gradient_norm();

  /// Updates every parameter, with the learning rate of its role times `lr_factor` and its gradient
  /// times `gradient_scale`. A parameter without a gradient counts as having gradient zero.
  void step(double lr_factor = 1, double gradient_scale = 1);

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
  /// `state_names`: the tensors that the method keeps for each parameter; they start at zero.
  Optimizer(FlatParameters parameters, const RoleTable& table,
            std::vector<std::string> state_names);

  /// The parameters of one role, with everything that their update needs.
  struct Part {
    Tensor value, gradient;
    Tensors state;  ///< in the order of the state's names
    double lr, weight_decay, gradient_scale;
    int64_t update;  ///< number of this update, from 1
  };
  virtual void update(Part& part) = 0;

 private:
  FlatParameters parameters_;
  RoleTable table_;
  std::vector<std::string> state_names_;
  Tensors state_;
  int64_t updates_ = 0;
};

/// The kinds that `optim.kind` may name, each with its options.
using Optimizers = Registry<std::unique_ptr<Optimizer>(const FlatParameters&, const RoleTable&)>;
Optimizers& optimizer_registry();

}  // namespace lw
