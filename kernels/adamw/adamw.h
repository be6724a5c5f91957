// The parameter update of Adam and AdamW; the equations stand in README.md.
//
// Shapes: g, p, m, v are contiguous and of one size. f32 or f64, the same for all.
// Cost: reads four arrays, writes three; bound by memory. Deterministic on any number of threads.
#pragma once

#include <cmath>

#include "core/kernel.h"

namespace lw::kernels {

struct AdamUpdate {
  double lr = 0;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = true;      ///< AdamW; false: decay is part of the gradient
  double gradient_scale = 1;  ///< multiplies g first
  int64_t update = 1;         ///< number of this update, from 1
};

inline Kernel<void(const Tensor& g, const AdamUpdate&, Tensor& p, Tensor& m, Tensor& v)> adamw{
    "adamw"};

/// Refuses tensors that do not fit each other.
inline void check_adamw(const Tensor& g, const Tensor& p, const Tensor& m, const Tensor& v) {
  for (const Tensor& t : {p, m, v})
    check(t.numel() == g.numel() && g.is_contiguous() && t.is_contiguous(),
          "adamw: expected contiguous tensors of one size, received ", g, " and ", t);
}

/// The scalars of an update, in the type of the elements.
template <class T>
struct AdamFactors {
  T scale, penalty, keep, rate1, rate2, beta2, epsilon, root, lr;

  explicit AdamFactors(const AdamUpdate& u) {
    const double t = static_cast<double>(u.update);
    scale = static_cast<T>(u.gradient_scale);
    penalty = static_cast<T>(u.decoupled ? 0 : u.weight_decay);
    keep = static_cast<T>(u.decoupled ? 1 - u.lr * u.weight_decay : 1);
    rate1 = static_cast<T>(1 - u.beta1), rate2 = static_cast<T>(1 - u.beta2);
    beta2 = static_cast<T>(u.beta2), epsilon = static_cast<T>(u.epsilon);
    root = static_cast<T>(1 / std::sqrt(1 - std::pow(u.beta2, t)));
    lr = static_cast<T>(u.lr / (1 - std::pow(u.beta1, t)));
  }
};

}  // namespace lw::kernels
