// The parameter update of Adam and AdamW; the equations stand in README.md.
//
// Shapes: g, p, m, v are contiguous and of one size. f32 or f64, the same for all.
// Cost: reads four arrays, writes three; bound by memory. Deterministic on any number of threads.
#pragma once

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

}  // namespace lw::kernels
