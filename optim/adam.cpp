#include "optim/adam.h"

#include "kernels/adamw/adamw.h"

namespace lw {

void AdamOptions::describe(Fields& f) {
  f.optional("betas", betas, "decay of the averages of the gradient and of its square",
             probability());
  f.optional("eps", eps, "added to the root of the second moment", positive());
}

void AdamOptions::validate() const {
  check(betas.size() == 2, "optim.betas: expected two numbers, received ", betas.size());
  for (const double beta : betas)
    check(0 <= beta && beta < 1, "optim.betas: expected numbers in [0, 1), received ", beta);
}

Adam::Adam(const AdamOptions& options, const FlatParameters& parameters, const RoleTable& table)
    : Optimizer(parameters, table, {"exp_avg", "exp_avg_sq"}), options_(options) {
  options.validate();
}

void Adam::update(Part& part) {
  kernels::adamw(part.gradient,
                 {.lr = part.lr,
                  .beta1 = options_.betas[0],
                  .beta2 = options_.betas[1],
                  .epsilon = options_.eps,
                  .weight_decay = part.weight_decay,
                  .decoupled = false,
                  .gradient_scale = part.gradient_scale,
                  .update = part.update},
                 part.value, part.state[0], part.state[1]);
}

namespace {

std::unique_ptr<Optimizer> make(const AdamOptions& options, const FlatParameters& parameters,
                                const RoleTable& table) {
  return std::make_unique<Adam>(options, parameters, table);
}
const bool registered = optimizer_registry().add<AdamOptions>("adam", &make);

}  // namespace
}  // namespace lw
