// gelu(x + D u) in fp64, to be read beside kernels/skip_gelu/README.md.
#pragma once

#include <cmath>
#include <vector>

#include "core/tensor.h"

namespace lw::reference {

/// x, u [rows, channels], D [channels]
inline Tensor skip_gelu(const Tensor& x, const Tensor& D, const Tensor& u) {
  std::vector<double> y;
  for (int64_t r = 0; r < x.size(0); ++r)
    for (int64_t c = 0; c < x.size(1); ++c) {
      const double v = x.at({r, c}) + D.at({c}) * u.at({r, c});
      y.push_back(v * 0.5 * std::erfc(-v / std::sqrt(2.)));
    }
  return Tensor::from({x.size(0), x.size(1)}, y);
}

}  // namespace lw::reference
