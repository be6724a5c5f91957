#include "optim/sgd.h"

#include "kernels/sgd/sgd.h"

namespace lw {

void SgdOptions::describe(Fields& f) {
  f.optional("momentum", momentum, "how much of the last direction is kept", probability());
  f.optional("nesterov", nesterov, "look ahead along the momentum");
}

Sgd::Sgd(const SgdOptions& options, const FlatParameters& parameters, const RoleTable& table)
    : Optimizer(parameters, table,
                options.momentum != 0 ? std::vector<std::string>{"momentum"}
                                      : std::vector<std::string>{}),
      options_(options) {
  check(!options.nesterov || options.momentum > 0, "sgd: nesterov needs a momentum above 0");
}

void Sgd::update(Part& part) {
  Tensor momentum = part.state.empty() ? Tensor() : part.state[0];
  kernels::sgd(part.gradient,
               {.lr = part.lr,
                .momentum = options_.momentum,
                .nesterov = options_.nesterov,
                .weight_decay = part.weight_decay,
                .gradient_scale = part.gradient_scale},
               part.value, momentum);
}

namespace {

const bool registered = optimizer_registry().add<SgdOptions, Sgd>("sgd");

}  // namespace
}  // namespace lw
