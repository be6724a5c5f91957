// The update of gradient descent in double, one element at a time; beside kernels/sgd/README.md.
#pragma once

#include <vector>

#include "kernels/sgd/sgd.h"

namespace lw::reference {

inline void sgd(const kernels::SgdUpdate& u, const std::vector<double>& gradient,
                std::vector<double>& p, std::vector<double>& b) {
  for (size_t i = 0; i < p.size(); ++i) {
    const double g = gradient[i] * u.gradient_scale + u.weight_decay * p[i];
    b[i] = u.momentum * b[i] + g;
    p[i] -= u.lr * (u.nesterov ? g + u.momentum * b[i] : b[i]);
  }
}

}  // namespace lw::reference
