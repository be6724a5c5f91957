#include "apps/layer_memory.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/error.h"

namespace lw {
namespace {

constexpr double held = 0.95;  // of a kernel, by its effective memory

/// The least number of first values that hold `held` of the sum of all magnitudes.
double steps_held(const std::vector<double>& kernel) {
  double total = 0, sum = 0;
  for (const double k : kernel) total += std::abs(k);
  size_t steps = 0;
  while (steps < kernel.size() && sum < held * total) sum += std::abs(kernel[steps++]);
  return static_cast<double>(steps);
}

std::vector<double> steps_held(const Tensor& kernel) {
  std::vector<double> steps;
  for (int64_t c = 0; c < kernel.size(1); ++c) steps.push_back(steps_held(column_of(kernel, c)));
  return steps;
}

/// Sets the steps, measured on kernels of twice the length until no channel's figure grows.
void measure(const TimeInvariant& layer, LayerMemory& memory) {
  constexpr int64_t shortest_kernel = 1024;
  constexpr double growth = 1.01;
  std::vector<double> before;
  for (int64_t length = shortest_kernel; length <= longest_kernel; length *= 2) {
    before = std::exchange(memory.steps, steps_held(layer.kernel(length)));
    memory.uncertain_from = std::numeric_limits<double>::infinity();
    for (size_t c = 0; c < memory.steps.size(); ++c)
      if (before.empty() || memory.steps[c] > growth * before[c])
        memory.uncertain_from = std::min(memory.uncertain_from, memory.steps[c]);
    if (std::isinf(memory.uncertain_from)) return;
  }
}

std::vector<double> steps_remembered(const Selection& selection) {
  const Tensor delta = selection.delta.reshape({selection.delta.size(1), selection.delta.size(2)});
  const auto A = selection.A.view<const float, 2>();
  std::vector<double> steps;
  for (int64_t c = 0; c < delta.size(1); ++c) {
    double inverse_rate = 0;  // of the states, averaged
    for (int64_t n = 0; n < A.sizes[1]; ++n) inverse_rate += 1 / std::abs(A(c, n));
    steps.push_back(inverse_rate / static_cast<double>(A.sizes[1]) /
                    quantile(column_of(delta, c), 0.5));
  }
  return steps;
}

}  // namespace

std::vector<double> LayerMemory::step_sizes() const {
  if (selection) return selection->delta.to_vector();
  return dynamics ? dynamics->step_sizes : std::vector<double>();
}

std::vector<LayerMemory> memory_of(const Model& model, const Tensor& input) {
  const NoGrad no_grad;
  const Variables inputs = model.inputs_of_layers(input);
  std::vector<LayerMemory> layers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    LayerMemory memory{.layer = static_cast<int64_t>(i)};
    const SequenceLayer& layer = model.blocks()[i]->layer();
    if (const auto* invariant = dynamic_cast<const TimeInvariant*>(&layer)) {
      memory.dynamics = invariant->dynamics(input.size(1));
      measure(*invariant, memory);
    } else if (const auto* selective = dynamic_cast<const Selective*>(&layer)) {
      memory.selection = selective->selection(inputs[i]);
      memory.steps = steps_remembered(*memory.selection);
    } else {
      continue;
    }
    layers.push_back(std::move(memory));
  }
  return layers;
}

std::string steps_text(const LayerMemory& memory, double share, const char* at_least) {
  const double steps = quantile(memory.steps, share);
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.4g", steps);
  return str(steps >= memory.uncertain_from ? at_least : "", digits);
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = values.begin() +
                  static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

std::vector<double> column_of(const Tensor& matrix, int64_t column) {
  const auto rows = matrix.view<const float, 2>();
  std::vector<double> values;
  for (int64_t i = 0; i < rows.sizes[0]; ++i) values.push_back(rows(i, column));
  return values;
}

}  // namespace lw
