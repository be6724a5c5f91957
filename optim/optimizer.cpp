#include "optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/square_sum/square_sum.h"

namespace lw {

double clip_scale(double norm, double clip_norm) {
  return clip_norm > 0 ? std::min(1.0, clip_norm / (norm + 1e-6)) : 1;
}

Optimizer::Optimizer(FlatParameters parameters, const RoleTable& table,
                     std::vector<std::string> state_names)
    : parameters_(std::move(parameters)), table_(table), state_names_(std::move(state_names)) {
  for (size_t i = 0; i < state_names_.size(); ++i) state_.push_back(parameters_.zeros());
}

double Optimizer::gradient_norm() {
  parameters_.complete_gradients();
  double sum = 0;
  kernels::square_sum(parameters_.gradients(), sum);
  return std::sqrt(sum);
}

void Optimizer::step(double lr_factor, double gradient_scale) {
  parameters_.complete_gradients();
  ++updates_;
  for (const FlatParameters::Group& group : parameters_.groups()) {
    const auto of_group = [&](const Tensor& flat) { return flat.slice(0, group.begin, group.end); };
    const RoleSettings& settings = table_[static_cast<size_t>(group.role)];
    Part part{of_group(parameters_.values()),
              of_group(parameters_.gradients()),
              {},
              settings.lr * lr_factor,
              settings.weight_decay,
              gradient_scale,
              updates_};
    for (const Tensor& state : state_) part.state.push_back(of_group(state));
    update(part);
  }
}

std::vector<Optimizer::StateTensor> Optimizer::state() const {
  std::vector<StateTensor> tensors;
  for (const FlatParameters::Entry& entry : parameters_.entries())
    for (size_t i = 0; i < state_.size(); ++i)
      tensors.push_back(
          {entry.parameter.name, state_names_[i], parameters_.view(state_[i], entry)});
  return tensors;
}

Optimizers& optimizer_registry() {
  static Optimizers registry("optimizer");
  return registry;
}

}  // namespace lw
