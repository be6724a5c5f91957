// softmax and log_softmax along an axis.
//
//   softmax(x)_i = e^(x_i) / sum_j e^(x_j)       log_softmax(x)_i = x_i - log sum_j e^(x_j)
//
// Shapes: that of x. dtypes: f32, f64. Cost: one pass over memory each way; an axis that is not the
// last is moved there and back by two copies. The value is kept for the gradient, x is not.
// Deterministic. Stable for every finite x: the maximum is taken off before the exponential.
#pragma once

#include "autograd/variable.h"

namespace lw {

Variable softmax(const Variable& x, int axis = -1);
Variable log_softmax(const Variable& x, int axis = -1);

}  // namespace lw
