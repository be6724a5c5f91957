#include "optim/adam.h"

#include "kernels/adamw/adamw.h"

namespace lw {

void AdamOptions::describe(Fields& f) {
  f.optional("betas", betas, "decay of the averages of the gradient and of its square",
             probability());
  f.optional("eps", eps, "added to the root of the second moment", positive());
}

AdaptiveMoments::AdaptiveMoments(const AdamOptions& options, const FlatParameters& parameters,
                                 const RoleTable& table, bool decoupled)
    : Optimizer(parameters, table, {"exp_avg", "exp_avg_sq"}),
      options_(options),
      decoupled_(decoupled) {
  check(options.betas.size() == 2, "optim.betas: expected two numbers, received ",
        options.betas.size());
  for (const double beta : options.betas)
    check(0 <= beta && beta < 1, "optim.betas: expected numbers in [0, 1), received ", beta);
}

void AdaptiveMoments::update(Part& part) {
  kernels::adamw(part.gradient,
                 {.lr = part.lr,
                  .beta1 = options_.betas[0],
                  .beta2 = options_.betas[1],
                  .epsilon = options_.eps,
                  .weight_decay = part.weight_decay,
                  .decoupled = decoupled_,
                  .gradient_scale = part.gradient_scale,
                  .update = part.update},
                 part.value, part.state[0], part.state[1]);
}

namespace {

const bool registered = optimizer_registry().add<AdamOptions, Adam>("adam");

}  // namespace
}  // namespace lw
