// A few rows through a linear map, in fp64, to be read beside kernels/matvec/README.md.
#pragma once

#include "core/tensor.h"

namespace lw::reference {

inline Tensor matvec(const Tensor& x_, const Tensor& weight_, const Tensor& bias_) {
  const DeviceScope on_host(host);
  const Tensor x = x_.to(host), weight = weight_.to(host), bias = bias_ ? bias_.to(host) : bias_;
  const Tensor result = Tensor::zeros({x.size(0), weight.size(0)}, DType::f64);
  const auto y = result.view<double, 2>();
  for (int64_t r = 0; r < x.size(0); ++r)
    for (int64_t j = 0; j < weight.size(0); ++j) {
      y(r, j) = bias ? bias.at({j}) : 0;
      for (int64_t i = 0; i < x.size(1); ++i) y(r, j) += weight.at({j, i}) * x.at({r, i});
    }
  return result;
}

}  // namespace lw::reference
