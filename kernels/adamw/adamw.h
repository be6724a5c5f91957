// The parameter update of Adam and AdamW; the equations stand in README.md.
//
// Shapes: g, p, m, v are contiguous and of one size. f32 or f64, the same for all.
// Cost: reads four arrays, writes three; bound by memory. Deterministic on any number of threads.
#pragma once

#include <cmath>

#include "core/kernel.h"
#include "kernels/update.h"

namespace lw::kernels {

struct AdamUpdate {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  bool decoupled = true;  ///< AdamW; false: decay is part of the gradient
};

/// A row of UpdateNumbers::factors: the penalty, what is kept of p, 1 / sqrt(1 - beta2^t), and the rate over
/// 1 - beta1^t, for the update number t = 1, 2, ...
inline constexpr int adam_factors = 4;
inline std::array<double, adam_factors> factors_of(const AdamUpdate& u, double lr,
                                                   double weight_decay, int64_t update) {
  const auto t = static_cast<double>(update);
  return {u.decoupled ? 0 : weight_decay, u.decoupled ? 1 - lr * weight_decay : 1,
          1 / std::sqrt(1 - std::pow(u.beta2, t)), lr / (1 - std::pow(u.beta1, t))};
}

inline Kernel<void(const Tensor& g, const AdamUpdate&, const UpdateNumbers&, Tensor& p, Tensor& m,
                   Tensor& v)>
    adamw{"adamw"};

/// Refuses tensors that do not fit each other.
inline void check_adamw(const Tensor& g, const UpdateNumbers& numbers, const Tensor& p,
                        const Tensor& m, const Tensor& v) {
  for (const Tensor& t : {p, m, v})
    check(t.numel() == g.numel() && g.is_contiguous() && t.is_contiguous(),
          "adamw: expected contiguous tensors of one size, received ", g, " and ", t);
  check_update("adamw", numbers, g.numel(), adam_factors);
}

/// The scalars of an update, in the type of the elements.
template <class T>
struct AdamScalars {
  T rate1, rate2, beta2, epsilon;

  explicit AdamScalars(const AdamUpdate& u)
      : rate1(static_cast<T>(1 - u.beta1)),
        rate2(static_cast<T>(1 - u.beta2)),
        beta2(static_cast<T>(u.beta2)),
        epsilon(static_cast<T>(u.epsilon)) {}
};

}  // namespace lw::kernels
