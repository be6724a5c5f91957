// AdamW: Adam with weight decay apart from the gradient.
//
//   p <- (1 - lr weight_decay) p
//   m <- m + (1 - beta1) (g - m)
//   v <- beta2 v + (1 - beta2) g^2
//   p <- p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//
// State: `exp_avg` (m) and `exp_avg_sq` (v), and t, the number of updates. The order of operations
// is PyTorch's. Loshchilov & Hutter 2017, arXiv:1711.05101.
#pragma once

#include "optim/adam.h"

namespace lw {

class AdamW final : public AdaptiveMoments {
 public:
  AdamW(const AdamOptions& options, const FlatParameters& parameters, const RoleTable& table)
      : AdaptiveMoments(options, parameters, table, /*decoupled=*/true) {}
};

}  // namespace lw
