// SGD: stochastic gradient descent, with momentum if wanted.
//
//   g <- g + weight_decay p
//   b <- momentum b + g
//   p <- p - lr b                        nesterov: p - lr (g + momentum b)
//
// State: `momentum` (b), one number a parameter; none without momentum.
// Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013.
#pragma once

#include "optim/optimizer.h"

namespace lw {

struct SgdOptions {
  double momentum = 0;
  bool nesterov = false;

  void describe(Fields& f);
};

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdOptions& options, const FlatParameters& parameters, const RoleTable& table);

  std::map<std::string, double> constants() const override {
    return {{"momentum", options_.momentum}, {"nesterov", options_.nesterov ? 1. : 0.}};
  }

 private:
  void write_factors(double lr, double weight_decay, int64_t update,
                     double* factors) const override;
  void update(const Tensor& gradients, const kernels::UpdateNumbers& numbers, Tensor& values,
              Tensors& state) override;

  SgdOptions options_;
};

}  // namespace lw
