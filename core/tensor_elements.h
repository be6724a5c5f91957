// What a Tensor does with its elements on each device. Internal: users call Tensor's members.
//
// Any dtype; any pitch. Cost: reads and writes each element once. Deterministic.
#pragma once

#include "core/kernel.h"

namespace lw {

/// y = value, converted to y's dtype. y has elements.
inline Kernel<void(double value, Tensor& y)> fill_elements{"fill"};

/// y = x, converted element by element: a complex number to its real part, a real one to a complex
/// one without imaginary part. Shapes are equal; y has elements.
inline Kernel<void(const Tensor& x, Tensor& y)> copy_elements{"copy"};

}  // namespace lw
