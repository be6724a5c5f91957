// Squared error in fp64, to be read beside kernels/mse/README.md.
#pragma once

#include "core/tensor.h"

namespace lw::reference {

inline double squared_error(const Tensor& x, const Tensor& y) {
  const auto a = x.to_vector(), b = y.to_vector();
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace lw::reference
