// What the layers of a model remember, and for how many steps: the figures of `longwave inspect RUN`.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "layers/dynamics.h"
#include "layers/model.h"

namespace lw {

/// One layer of a model. Time-invariant layers have dynamics, selective ones a selection.
struct LayerMemory {
  int64_t layer = 0;  ///< from 0
  std::optional<Dynamics> dynamics;
  std::optional<Selection> selection;
  /// Steps that each channel remembers. Time-invariant: the least number of steps that hold 95 % of
  /// sum_l |K_l|, for a kernel so long that half of it tells the same within 1 %. Selective:
  /// 1 / (delta |A|), averaged over the states, for the median delta of the input.
  std::vector<double> steps;
  /// Quantiles of `steps` from here on are lower bounds: channels remember more than a kernel of
  /// `longest_kernel` steps can tell.
  double uncertain_from = std::numeric_limits<double>::infinity();

  /// The step sizes of all channels: of a selective layer, at every step of the input.
  std::vector<double> step_sizes() const;
};

constexpr int64_t longest_kernel = 1 << 17;

/// Reads the parameters of every layer, with kernels over the length of `input`, and what selective
/// layers make of it: i64 [1, time] tokens or f32 [1, time, feature]. What is remembered does not depend on that
/// length. Layers that tell neither are left out.
std::vector<LayerMemory> memory_of(const Model& model, const Tensor& input);

/// A figure of `memory.steps` as people read it: "12", or ">= 1.2e+05" where it is a lower bound.
std::string steps_text(const LayerMemory& memory, double share, const char* at_least = ">= ");

/// The value below which `share` of the values lie; 0 of none.
double quantile(std::vector<double> values, double share);

/// A column of f32 [rows, columns] on the host.
std::vector<double> column_of(const Tensor& matrix, int64_t column);

}  // namespace lw
