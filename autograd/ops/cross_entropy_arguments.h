// What every op that ends in a cross-entropy refuses, and what it tells the kernels. Internal.
#pragma once

#include <algorithm>

#include "autograd/ops/cross_entropy.h"
#include "core/index_check.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace lw {

/// All that the kernels take but the logits, which have this shape and are on `device`.
inline kernels::CrossEntropy checked_cross_entropy(std::string_view op, const Shape& logits,
                                                   const Tensor& targets,
                                                   const CrossEntropyOptions& options,
                                                   Device device) {
  check(targets.defined() && targets.shape() == logits.without(-1), op, ": `targets` is ", targets,
        ", expected i64 ", logits.without(-1), "\n  because   logits [..., classes] = ", logits);
  check_indices(op, "targets", targets, logits.back(), options.ignore_index);
  check(0 <= options.label_smoothing && options.label_smoothing < 1, op, ": label_smoothing is ",
        options.label_smoothing, ", expected [0, 1)");
  check(!options.divisor || *options.divisor > 0, op, ": divisor is ", options.divisor.value_or(0),
        ", expected a positive number");
  const auto counted = [&] {
    return static_cast<double>(
        std::max<int64_t>(1, counted_targets(targets, options.ignore_index)));
  };
  return {.logits = {},
          .targets = targets.to(device).contiguous(),
          .ignore_index = options.ignore_index,
          .label_smoothing = options.label_smoothing,
          .divisor = options.divisor ? *options.divisor : counted()};
}

}  // namespace lw
