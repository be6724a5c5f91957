// Mean squared error: the loss of a regression or a forecast.
//
//   loss = 1/divisor sum_i (prediction_i - target_i)^2
//
// Shapes: prediction and target are equal, of any rank, and may be pitched; loss: a scalar.
// dtypes: f32 or f64, one for both. The divisor is the number of elements unless given: a batch that
// is processed in parts passes the number of elements of the whole; 1 gives the sum. Gradients flow
// to both arguments. Nothing to compare: 0. Cost: bound by memory. Deterministic.
#pragma once

#include <optional>

#include "autograd/variable.h"

namespace lw {

Variable mse(const Variable& prediction, const Variable& target,
             std::optional<double> divisor = {});

}  // namespace lw
