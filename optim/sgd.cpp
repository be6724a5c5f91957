#include "optim/sgd.h"

#include "kernels/sgd/sgd.h"

namespace lw {

void SgdOptions::describe(Fields& f) {
  f.optional("momentum", momentum, "how much of the last direction is kept", probability());
  f.optional("nesterov", nesterov, "look ahead along the momentum");
}

Sgd::Sgd(const SgdOptions& options, const FlatParameters& parameters, const RoleTable& table)
    : Optimizer(
          parameters, table,
          options.momentum != 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{},
          kernels::sgd_factors),
      options_(options) {
  check(!options.nesterov || options.momentum > 0, "sgd: nesterov needs a momentum above 0");
}

void Sgd::write_factors(double lr, double weight_decay, int64_t, double* factors) const {
  factors[0] = weight_decay, factors[1] = lr;
}

void Sgd::update(const Tensor& gradients, const kernels::UpdateNumbers& numbers, Tensor& values,
                 Tensors& state) {
  Tensor momentum = state.empty() ? Tensor() : state[0];
  kernels::sgd(gradients, {options_.momentum, options_.nesterov}, numbers, values, momentum);
}

namespace {

const bool registered = optimizer_registry().add<SgdOptions, Sgd>("sgd");

}  // namespace
}  // namespace lw
