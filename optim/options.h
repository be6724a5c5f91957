// OptimOptions: the section `optim` of a config.
//
//   optim:
//     kind: adamw               # sgd, adam or adamw, the default; its own options stand beside it: betas, eps
//     lr: 1.0e-2
//     weight_decay: 0.01
//     clip_norm: 1.0
//     schedule: {kind: cosine, warmup: 1000}
//     roles:
//       ssm_dt: {lr: 0.0005}
//       ssm_c:  {lr_scale: 0.5, weight_decay: 0}
//
// What a parameter gets is decided by its role (autograd/parameter.h). Unless `roles` says
// otherwise:
//
//   role                          lr                weight decay
//   matrix, ssm_c                 lr                weight_decay
//   bias, norm, embedding, ssm_d  lr                0
//   ssm_a, ssm_b, ssm_dt          min(lr, 0.001)    0
//
// The last line is the recipe of S4 and its successors: the dynamics of a state-space model learn
// slowly and are not pulled towards zero (Gu, Goel & Ré 2021, arXiv:2111.00396; Smith, Warrington &
// Linderman 2022, arXiv:2208.04933). That biases and norms do not decay is common practice; that D
// does not is Mamba's.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace lw {

/// What a config may change for one role.
struct RoleOptions {
  std::optional<double> lr;            ///< instead of the default of the role
  std::optional<double> weight_decay;  ///< likewise
  double lr_scale = 1;                 ///< multiplies the learning rate

  void describe(Fields& f);
};

struct OptimOptions {
  Optimizers::Choice method{optimizer_registry(), "adamw"};  ///< `kind` and its own options
  double lr = 1e-3;
  double weight_decay = 0.01;
  double clip_norm = 1;  ///< largest norm of the gradient; 0: no limit
  double ema = 0;        ///< decay of the averaged weights that are evaluated; 0: none
  ScheduleOptions schedule;
  std::array<RoleOptions, roles> role;  ///< indexed by Role

  void describe(Fields& f);

  /// What each role gets.
  RoleTable table() const;
  /// The optimizer of the chosen kind.
  std::unique_ptr<Optimizer> make(const FlatParameters& parameters) const;
};

/// One line of the table that is printed when a run starts.
struct ParameterRow {
  std::string name;
  Role role;
  Shape shape;
  DType dtype;
  double lr;         ///< before the schedule
  double lr_factor;  ///< of optim.lr
  double weight_decay;
};
std::vector<ParameterRow> parameter_table(const Parameters& parameters,
                                          const OptimOptions& options);
/// The rows as text, in aligned columns, with a heading.
std::string to_text(const std::vector<ParameterRow>& rows);

}  // namespace lw
