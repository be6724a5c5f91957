// The update of gradient descent in double, one element at a time; beside kernels/sgd/README.md.
#pragma once

#include <vector>

namespace lw::reference {

struct SgdUpdate {
  double lr = 0, momentum = 0;
  bool nesterov = false;
  double weight_decay = 0, gradient_scale = 1;
};

inline void sgd(const SgdUpdate& u, const std::vector<double>& gradient, std::vector<double>& p,
                std::vector<double>& b) {
  for (size_t i = 0; i < p.size(); ++i) {
    const double g = gradient[i] * u.gradient_scale + u.weight_decay * p[i];
    b[i] = u.momentum * b[i] + g;
    p[i] -= u.lr * (u.nesterov ? g + u.momentum * b[i] : b[i]);
  }
}

}  // namespace lw::reference
