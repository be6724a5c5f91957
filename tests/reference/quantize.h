// int8 rows in fp64, to be read beside kernels/quantize/README.md.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/quantize/quantize.h"

namespace lw::reference {

/// s round(w / s) with the factor s of each row in f32: what a matrix is after it was stored.
inline Tensor quantized(const Tensor& w_) {
  const DeviceScope on_host(host);
  const Tensor w = w_.to(host);
  const Tensor result = Tensor::zeros(w.shape(), DType::f64);
  const auto y = result.view<double, 2>();
  for (int64_t j = 0; j < w.size(0); ++j) {
    double largest = 0;
    for (int64_t i = 0; i < w.size(1); ++i) largest = std::max(largest, std::abs(w.at({j, i})));
    const double s = static_cast<float>(largest / 127);
    for (int64_t i = 0; i < w.size(1); ++i)
      y(j, i) = s == 0 ? 0 : s * std::nearbyint(w.at({j, i}) / s);
  }
  return result;
}

}  // namespace lw::reference
