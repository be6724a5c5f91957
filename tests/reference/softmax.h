// Softmax by its definition, in long double, to be read beside kernels/softmax/README.md.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/tensor.h"

namespace lw::reference {

/// log softmax of each row of x.
inline std::vector<double> log_softmax(const Tensor& x) {
  const std::vector<double> in = x.to_vector();
  const auto count = static_cast<size_t>(x.size(-1));
  std::vector<double> y;
  for (size_t row = 0; row < in.size(); row += count) {
    long double most = -INFINITY, sum = 0;
    for (size_t i = row; i < row + count; ++i) most = std::max<long double>(most, in[i]);
    for (size_t i = row; i < row + count; ++i) sum += std::exp(in[i] - most);
    for (size_t i = row; i < row + count; ++i)
      y.push_back(static_cast<double>(in[i] - most - std::log(sum)));
  }
  return y;
}

}  // namespace lw::reference
