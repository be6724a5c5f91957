#include "optim/adam.h"

#include <algorithm>

namespace lw {

void AdamOptions::describe(Fields& f) {
  f.optional("betas", betas, "decay of the averages of the gradient and of its square",
             probability());
  f.optional("eps", eps, "added to the root of the second moment", positive());
}

AdaptiveMoments::AdaptiveMoments(const AdamOptions& options, const FlatParameters& parameters,
                                 const RoleTable& table, bool decoupled)
    : Optimizer(parameters, table, {"exp_avg", "exp_avg_sq"}, kernels::adam_factors) {
  check(options.betas.size() == 2, "optim.betas: expected two numbers, received ",
        options.betas.size());
  for (const double beta : options.betas)
    check(0 <= beta && beta < 1, "optim.betas: expected numbers in [0, 1), received ", beta);
  method_ = {.beta1 = options.betas[0],
             .beta2 = options.betas[1],
             .epsilon = options.eps,
             .decoupled = decoupled};
}

std::map<std::string, double> AdaptiveMoments::constants() const {
  return {{"beta1", method_.beta1}, {"beta2", method_.beta2}, {"eps", method_.epsilon}};
}

void AdaptiveMoments::write_factors(double lr, double weight_decay, int64_t update,
                                    double* factors) const {
  std::ranges::copy(kernels::factors_of(method_, lr, weight_decay, update), factors);
}

void AdaptiveMoments::update(const Tensor& gradients, const kernels::UpdateNumbers& numbers,
                             Tensor& values, Tensors& state) {
  kernels::adamw(gradients, method_, numbers, values, state[0], state[1]);
}

namespace {

const bool registered = optimizer_registry().add<AdamOptions, Adam>("adam");

}  // namespace
}  // namespace lw
