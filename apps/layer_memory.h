// What the layers of a model remember, and for how many steps: the figures of `longwave inspect RUN`.
#pragma once

#include <optional>
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
  /// sum_l |K_l|. Selective: 1 / (delta |A|), averaged over the states, for the median delta of the input.
  std::vector<double> steps;

  /// The step sizes of all channels: of a selective layer, at every step of the input.
  std::vector<double> step_sizes() const;
};

/// Reads the parameters of every layer, with kernels over the length of `input`, and what selective
/// layers make of it: i64 [1, time] tokens or f32 [1, time, feature]. Layers that tell neither are left out.
std::vector<LayerMemory> memory_of(const Model& model, const Tensor& input);

/// The value below which `share` of the values lie; 0 of none.
double quantile(std::vector<double> values, double share);

/// A column of f32 [rows, columns] on the host.
std::vector<double> column_of(const Tensor& matrix, int64_t column);

}  // namespace lw
