// Sums, means and maxima over axes.
//
// Shapes: the axes named (negative ones count from the end; none means all) are dropped, or kept
// with size 1 under `keepdims`. dtypes: f32, f64, bf16; sum and mean also complex.
// Cost: one pass over x. Deterministic: fixed blocks, merged in order. Sums are accumulated in f64.
// The gradient of a maximum goes to the first one, in row-major order.
// Errors: an axis that does not exist or is named twice; the maximum of nothing.
#pragma once

#include <vector>

#include "autograd/variable.h"

namespace lw {

Variable sum(const Variable& x, const std::vector<int>& axes = {}, bool keepdims = false);
Variable mean(const Variable& x, const std::vector<int>& axes = {}, bool keepdims = false);
Variable max(const Variable& x, const std::vector<int>& axes = {}, bool keepdims = false);

}  // namespace lw
