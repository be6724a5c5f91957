// A model of a few parameters of awkward sizes, for the tests of optimizers.
#pragma once

#include <string>
#include <vector>

#include "core/random.h"
#include "optim/optimizer.h"

namespace lw {

struct ToyModel {
  explicit ToyModel(DType dtype = DType::f32) {
    const Shape shapes[] = {{33, 31}, {1}, {63}, {1000}};
    const Role roles_of[] = {Role::matrix, Role::ssm_dt, Role::bias, Role::matrix};
    for (size_t i = 0; i < 4; ++i) {
      const std::string name = str("p", i);
      const Tensor value = Random(1).fork(name).normal(shapes[i], 0, 1, dtype);
      parameters.push_back({name, roles_of[i], Variable(value, /*requires_grad=*/true)});
    }
  }

  /// The gradient of parameter i at a step: what a loss would give it.
  static Tensor gradient(const Parameter& p, uint64_t step) {
    return Random(2).fork(p.name).at_step(step).normal(p.value.shape(), 0, 1, p.value.dtype());
  }

  /// Gives every parameter its gradient and lets the optimizer make one update.
  void step(Optimizer& optimizer, uint64_t number, double lr_factor = 1, double scale = 1) {
    optimizer.parameters().clear_gradients();
    for (Parameter& p : parameters) p.value.backward(gradient(p, number));
    optimizer.step(lr_factor, scale);
  }

  std::vector<double> values() const {
    std::vector<double> all;
    for (const Parameter& p : parameters)
      for (const double x : p.value.value().to_vector()) all.push_back(x);
    return all;
  }

  Parameters parameters;
};

/// One learning rate and decay for all roles but ssm_dt, which learns ten times slower, without
/// decay.
inline RoleTable toy_table(double lr, double weight_decay) {
  RoleTable table;
  table.fill({lr, weight_decay});
  table[static_cast<size_t>(Role::ssm_dt)] = {lr / 10, 0};
  return table;
}

}  // namespace lw
