// y += x: how gradients are added up.
//
// Shapes: equal. dtypes: equal, any floating or complex one. Either may be pitched.
// Cost: reads both, writes y; bound by memory. Deterministic.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

inline Kernel<void(const Tensor& x, Tensor& y)> accumulate{"accumulate"};

}  // namespace lw::kernels
