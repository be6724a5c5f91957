#include "optim/adamw.h"

#include "kernels/adamw/adamw.h"

namespace lw {

AdamW::AdamW(const AdamOptions& options, const FlatParameters& parameters, const RoleTable& table)
    : Optimizer(parameters, table, {"exp_avg", "exp_avg_sq"}), options_(options) {
  options.validate();
}

void AdamW::update(Part& part) {
  kernels::adamw(part.gradient,
                 {.lr = part.lr,
                  .beta1 = options_.betas[0],
                  .beta2 = options_.betas[1],
                  .epsilon = options_.eps,
                  .weight_decay = part.weight_decay,
                  .decoupled = true,
                  .gradient_scale = part.gradient_scale,
                  .update = part.update},
                 part.value, part.state[0], part.state[1]);
}

namespace {

std::unique_ptr<Optimizer> make(const AdamOptions& options, const FlatParameters& parameters,
                                const RoleTable& table) {
  return std::make_unique<AdamW>(options, parameters, table);
}
const bool registered = optimizer_registry().add<AdamOptions>("adamw", &make);

}  // namespace
}  // namespace lw
