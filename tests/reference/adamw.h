// The update of Adam and AdamW in double, one element at a time; beside kernels/adamw/README.md.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace lw::reference {

struct AdamUpdate {
  double lr = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = true;
  double gradient_scale = 1;
  int64_t update = 1;  // from 1
};

inline void adamw(const AdamUpdate& u, const std::vector<double>& gradient, std::vector<double>& p,
                  std::vector<double>& m, std::vector<double>& v) {
  const double t = static_cast<double>(u.update);
  for (size_t i = 0; i < p.size(); ++i) {
    double g = gradient[i] * u.gradient_scale;
    if (u.decoupled) {
      p[i] *= 1 - u.lr * u.weight_decay;
    } else {
      g += u.weight_decay * p[i];
    }
    m[i] = u.beta1 * m[i] + (1 - u.beta1) * g;
    v[i] = u.beta2 * v[i] + (1 - u.beta2) * g * g;
    const double mean = m[i] / (1 - std::pow(u.beta1, t));
    const double square = v[i] / (1 - std::pow(u.beta2, t));
    p[i] -= u.lr * mean / (std::sqrt(square) + u.epsilon);
  }
}

}  // namespace lw::reference
