// Softmax cross-entropy between logits and class labels: the loss of a classifier and of a language
// model.
//
//   loss = 1/divisor sum_i ( (1 - s) (-log p_i[target_i]) + s mean_j(-log p_i[j]) ),  p = softmax
//
// over the targets that are not `ignore_index`; s is the label smoothing.
// Shapes: logits [..., classes], may be pitched; targets i64 [...]; loss: a scalar.
// dtypes: logits f32 or f64, and the loss has the same; logits in bf16, and the loss is f32, computed from them as they are,
// without a copy in f32. Their gradient is bf16.
// Cost: one exp for each logit in either pass, bound by memory; besides the logits, memory for their
// gradient alone. Deterministic. Stable for logits of any size.
// Errors: a target outside [0, classes) is refused with its position (ErrorKind::data).
// Mathematics: kernels/cross_entropy/README.md.
#pragma once

#include <optional>

#include "autograd/variable.h"

namespace lw {

struct CrossEntropyOptions {
  int64_t ignore_index = -100;  ///< targets of this value count for nothing
  double label_smoothing = 0;   ///< in [0, 1)
  /// What the sum is divided by; none: the number of counted targets (the mean; 0 if there are
  /// none). A batch that is processed in parts, over micro-batches or ranks, passes the number of
  /// counted targets of the whole, so that the parts add up to its mean. 1 gives the sum.
  std::optional<double> divisor = {};
};

Variable cross_entropy(const Variable& logits, const Tensor& targets,
                       const CrossEntropyOptions& options = {});

/// The number of targets that are not `ignore_index`.
int64_t counted_targets(const Tensor& targets, int64_t ignore_index = -100);

}  // namespace lw
