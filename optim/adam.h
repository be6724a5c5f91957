// Adam: steps of the size of the learning rate, by the first two moments of each gradient.
//
//   g <- g + weight_decay p
//   m <- m + (1 - beta1) (g - m)
//   v <- beta2 v + (1 - beta2) g^2
//   p <- p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//
// Weight decay is part of the gradient (an L2 penalty); AdamW keeps it apart.
// State: `exp_avg` (m) and `exp_avg_sq` (v), and t, the number of updates.
// Kingma & Ba 2014, arXiv:1412.6980.
#pragma once

#include "kernels/adamw/adamw.h"
#include "optim/optimizer.h"

namespace lw {

struct AdamOptions {
  std::vector<double> betas{0.9, 0.999};
  double eps = 1e-8;

  void describe(Fields& f);
};

/// What Adam and AdamW share; they differ in where the weight decay enters.
class AdaptiveMoments : public Optimizer {
 public:
  std::map<std::string, double> constants() const final;

 protected:
  /// `decoupled`: the decay shrinks the parameter itself, instead of being part of the gradient.
  /// Throws Error unless there are two betas, each in [0, 1).
  AdaptiveMoments(const AdamOptions& options, const FlatParameters& parameters,
                  const RoleTable& table, bool decoupled);

 private:
  void write_factors(double lr, double weight_decay, int64_t update, double* factors) const final;
  void update(const Tensor& gradients, const kernels::UpdateNumbers& numbers, Tensor& values,
              Tensors& state) final;

  kernels::AdamUpdate method_;
};

class Adam final : public AdaptiveMoments {
 public:
  Adam(const AdamOptions& options, const FlatParameters& parameters, const RoleTable& table)
      : AdaptiveMoments(options, parameters, table, /*decoupled=*/false) {}
};

}  // namespace lw
