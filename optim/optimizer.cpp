#include "optim/optimizer.h"

#include "kernels/clip/clip.h"

namespace lw {

static_assert(roles <= kernels::UpdateGroups::most);

Optimizer::Optimizer(FlatParameters parameters, const RoleTable& table,
                     std::vector<std::string> state_names, int64_t factors)
    : parameters_(std::move(parameters)),
      table_(table),
      state_names_(std::move(state_names)),
      factors_(factors) {
  for (size_t i = 0; i < state_names_.size(); ++i) state_.push_back(parameters_.zeros());
  const std::vector<FlatParameters::Group>& groups = parameters_.groups();
  for (const FlatParameters::Group& group : groups)
    numbers_.groups.ends[numbers_.groups.count++] = group.end;
  const Device device = parameters_.values().device();
  const auto size = std::ssize(groups) * factors;
  prepared_ = Tensor::zeros({1 + size}, DType::f64, device);
  outcome_ = Tensor::zeros({kernels::clip_outcomes}, DType::f64, device);
  numbers_.factors = prepared_.slice(0, 1, 1 + size).reshape({std::ssize(groups), factors});
  numbers_.scale = outcome_.select(0, 1);
}

void Optimizer::prepare(double lr_factor, double gradient_scale) {
  ++updates_;
  const Tensor numbers = Tensor::empty(prepared_.shape(), DType::f64, host);
  auto* next = numbers.data<double>();
  *next++ = gradient_scale;
  for (const FlatParameters::Group& group : parameters_.groups()) {
    const RoleSettings& settings = table_[static_cast<size_t>(group.role)];
    write_factors(settings.lr * lr_factor, settings.weight_decay, updates_, next);
    next += factors_;
  }
  prepared_.copy_from(numbers);
}

void Optimizer::step(double clip_norm, const Tensor& losses) {
  parameters_.complete_gradients();
  kernels::clip({parameters_.gradients(), prepared_.select(0, 0), losses, clip_norm}, outcome_);
  Tensor values = parameters_.values();
  update(parameters_.gradients(), numbers_, values, state_);
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
