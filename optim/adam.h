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

#include "optim/optimizer.h"

namespace lw {

/// Also those of AdamW.
struct AdamOptions {
  std::vector<double> betas{0.9, 0.999};
  double eps = 1e-8;

  void describe(Fields& f);
  void validate() const;  ///< throws Error unless there are two betas, each in [0, 1)
};

class Adam final : public Optimizer {
 public:
  Adam(const AdamOptions& options, const FlatParameters& parameters, const RoleTable& table);

 private:
  void update(Part& part) override;

  AdamOptions options_;
};

}  // namespace lw
