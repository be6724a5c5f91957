// The rearrangement of a tensor element by element, to be read beside kernels/shape/README.md.
#pragma once

#include <vector>

#include "kernels/shape/shape.h"

namespace lw::reference {

/// The elements of y, in row-major order, as doubles.
inline std::vector<double> rearrange(const Tensor& x, const kernels::Arrangement& how) {
  const std::vector<double> in = x.to_vector();
  const int rank = x.rank();
  Shape shape = x.shape();
  for (int k = 0; k < rank; ++k) shape[k] = x.size(how.axis[k]);
  std::vector<double> y;
  for (int64_t i = 0; i < x.numel(); ++i) {
    std::vector<int64_t> index(static_cast<size_t>(rank));  // of x
    int64_t rest = i;
    for (int k = rank - 1; k >= 0; --k) {
      const int64_t here = rest % shape[k];
      index[static_cast<size_t>(how.axis[k])] = how.reversed[k] ? shape[k] - 1 - here : here;
      rest /= shape[k];
    }
    int64_t offset = 0;
    for (int axis = 0; axis < rank; ++axis)
      offset = offset * x.size(axis) + index[static_cast<size_t>(axis)];
    y.push_back(in[static_cast<size_t>(offset)]);
  }
  return y;
}

}  // namespace lw::reference
