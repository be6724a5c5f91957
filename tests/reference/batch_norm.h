// Batch norm in fp64, to be read beside kernels/batch_norm/README.md.
#pragma once

#include <cmath>

#include "core/tensor.h"

namespace lw::reference {

/// The mean and the biased variance of every column of x [rows, channels].
inline std::pair<Tensor, Tensor> column_statistics(const Tensor& x_) {
  const DeviceScope on_host(host);
  const Tensor x = x_.to(host);
  const auto rows = static_cast<double>(x.size(0));
  Tensor mean = Tensor::zeros({x.size(1)}, DType::f64), variance = mean.clone();
  for (int64_t c = 0; c < x.size(1); ++c) {
    for (int64_t i = 0; i < x.size(0); ++i) mean.data<double>()[c] += x.at({i, c}) / rows;
    for (int64_t i = 0; i < x.size(0); ++i)
      variance.data<double>()[c] += std::pow(x.at({i, c}) - mean.at({c}), 2) / rows;
  }
  return {mean, variance};
}

inline Tensor batch_norm(const Tensor& x_, const Tensor& mean_, const Tensor& variance_,
                         const Tensor& weight_, const Tensor& bias_, double epsilon) {
  const DeviceScope on_host(host);
  const Tensor x = x_.to(host), mean = mean_.to(host), variance = variance_.to(host);
  const Tensor weight = weight_.to(host), bias = bias_.to(host);
  const Tensor y = Tensor::empty(x.shape(), DType::f64);
  for (int64_t i = 0; i < x.size(0); ++i)
    for (int64_t c = 0; c < x.size(1); ++c)
      y.view<double, 2>()(i, c) =
          (x.at({i, c}) - mean.at({c})) / std::sqrt(variance.at({c}) + epsilon) * weight.at({c}) +
          bias.at({c});
  return y;
}

}  // namespace lw::reference
