// Norms of rows in fp64, to be read beside kernels/norm/README.md.
#pragma once

#include <cmath>

#include "core/tensor.h"

namespace lw::reference {

/// Layer norm (centred) or RMS norm of every row of x [rows, n]; weight, bias [groups, n].
inline Tensor norm(const Tensor& x_, const Tensor& weight_, const Tensor& bias_, double epsilon,
                   bool centred) {
  const DeviceScope on_host(host);
  const Tensor x = x_.to(host), weight = weight_.to(host), bias = bias_.to(host);
  const Tensor y = Tensor::empty(x.shape(), DType::f64);
  const int64_t n = x.size(1);
  for (int64_t i = 0; i < x.size(0); ++i) {
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < n && centred; ++j) mean += x.at({i, j}) / static_cast<double>(n);
    for (int64_t j = 0; j < n; ++j)
      variance += std::pow(x.at({i, j}) - mean, 2) / static_cast<double>(n);
    const int64_t g = i % weight.size(0);
    for (int64_t j = 0; j < n; ++j)
      y.view<double, 2>()(i, j) =
          (x.at({i, j}) - mean) / std::sqrt(variance + epsilon) * weight.at({g, j}) +
          (bias ? bias.at({g, j}) : 0);
  }
  return y;
}

}  // namespace lw::reference
