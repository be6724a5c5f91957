// Reductions element by element, to be read beside kernels/reduce/README.md.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "kernels/reduce/reduce.h"

namespace lw::reference {

/// fold over the reduced axes, in long double, from `start`; the result in row-major order.
inline std::vector<double> reduce(
    const Tensor& x, const kernels::Axes& axes, long double start,
    const std::function<long double(long double, long double)>& fold) {
  Shape kept = x.shape();
  for (int k = 0; k < x.rank(); ++k)
    if (axes[k]) kept[k] = 1;
  std::vector<long double> y(static_cast<size_t>(kept.numel()), start);
  const std::vector<double> in = x.to_vector();
  for (int64_t i = 0; i < x.numel(); ++i) {
    int64_t rest = i, at = 0, step = 1;
    for (int k = x.rank() - 1; k >= 0; --k) {
      if (!axes[k]) at += rest % x.size(k) * step, step *= x.size(k);
      rest /= x.size(k);
    }
    long double& result = y[static_cast<size_t>(at)];
    result = fold(result, static_cast<long double>(in[static_cast<size_t>(i)]));
  }
  return {y.begin(), y.end()};
}

}  // namespace lw::reference
