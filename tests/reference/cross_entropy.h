// Softmax cross-entropy in fp64, to be read beside kernels/cross_entropy/README.md.
#pragma once

#include <cmath>

#include "core/tensor.h"

namespace lw::reference {

/// The sum of the losses of the rows of logits [rows, classes].
inline double cross_entropy(const Tensor& logits_, const std::vector<int64_t>& targets,
                            int64_t ignore_index, double smoothing) {
  const Tensor logits = logits_.to(host);
  double total = 0;
  const int64_t classes = logits.size(1);
  for (int64_t i = 0; i < logits.size(0); ++i) {
    const int64_t target = targets[static_cast<size_t>(i)];
    if (target == ignore_index) continue;
    double peak = -INFINITY, sum = 0;
    for (int64_t j = 0; j < classes; ++j) peak = std::max(peak, logits.at({i, j}));
    for (int64_t j = 0; j < classes; ++j) sum += std::exp(logits.at({i, j}) - peak);
    const auto minus_log_p = [&](int64_t j) { return peak + std::log(sum) - logits.at({i, j}); };
    total += (1 - smoothing) * minus_log_p(target);
    for (int64_t j = 0; j < classes; ++j)
      total += smoothing / static_cast<double>(classes) * minus_log_p(j);
  }
  return total;
}

}  // namespace lw::reference
