// y += w (x - y): a moving average.
//
// Shapes: x and y are contiguous and of one size. f32 or f64, the same for both.
// Cost: reads both, writes y; bound by memory. Deterministic on any number of threads.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

inline Kernel<void(const Tensor& x, double weight, Tensor& y)> average{"average"};

}  // namespace lw::kernels
