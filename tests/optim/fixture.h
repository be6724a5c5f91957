// A model of a few parameters of awkward sizes, for the tests of optimizers.
#pragma once

#include <algorithm>
#include <cmath>
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
    optimizer.prepare(lr_factor, scale);
    optimizer.step();
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

/// What an update does to one parameter at one step, as the naive updates see it.
struct ToyStep {
  double lr, weight_decay, gradient_scale;
  int64_t update;  ///< from 1
  std::vector<double> gradient;
};

/// The largest difference between M(options) and a naive update over 50 steps with changing rate and
/// scale. naive(step, p, first, second) changes the values of a parameter, and what the method
/// remembers of it, which starts at zero.
template <class M, class O, class Naive>
double error_after_50_steps(const O& options, DType dtype, const Naive& naive) {
  ToyModel model(dtype);
  const RoleTable table = toy_table(0.02, 0.1);
  M optimizer(options, FlatParameters(model.parameters), table);
  struct Expected {
    std::vector<double> p, first, second;
  };
  std::vector<Expected> expected;
  for (const Parameter& parameter : model.parameters) {
    const auto values = parameter.value.value().to_vector();
    const std::vector<double> zeros(values.size());
    expected.push_back({values, zeros, zeros});
  }
  double worst = 0;
  for (int64_t step = 0; step < 50; ++step) {
    const double factor = 1 - 0.01 * static_cast<double>(step), scale = step % 2 == 0 ? 1 : 0.5;
    model.step(optimizer, static_cast<uint64_t>(step), factor, scale);
    for (size_t i = 0; i < expected.size(); ++i) {
      const Parameter& parameter = model.parameters[i];
      const RoleSettings& settings = table[static_cast<size_t>(parameter.role)];
      const Tensor g = ToyModel::gradient(parameter, static_cast<uint64_t>(step));
      auto& [p, first, second] = expected[i];
      naive(ToyStep{settings.lr * factor, settings.weight_decay, scale, step + 1, g.to_vector()}, p,
            first, second);
      const auto values = parameter.value.value().to_vector();
      for (size_t k = 0; k < values.size(); ++k)
        worst = std::max(worst, std::abs(values[k] - p[k]));
    }
  }
  return worst;
}

}  // namespace lw
