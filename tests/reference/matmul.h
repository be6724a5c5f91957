// Matrix product of single matrices in fp64, to be read beside kernels/matmul/README.md.
#pragma once

#include "kernels/matmul/matmul.h"

namespace lw::reference {

/// alpha op(a) op(b) + beta c + bias
inline Tensor matmul(const Tensor& a, const Tensor& b, const kernels::MatmulOptions& o,
                     const Tensor& c_) {
  const DeviceScope on_host(host);
  const Tensor a64 = a.to(host).to(DType::f64), b64 = b.to(host).to(DType::f64);
  const Tensor c = c_.to(host), bias = o.bias ? o.bias.to(host) : Tensor();
  const auto A = a64.view<const double, 2>(), B = b64.view<const double, 2>();
  const Tensor result = Tensor::zeros(c.shape(), DType::f64);
  const auto y = result.view<double, 2>();
  for (int64_t i = 0; i < c.size(0); ++i)
    for (int64_t j = 0; j < c.size(1); ++j) {
      double sum = 0;
      for (int64_t l = 0; l < (o.transpose_a ? a.size(0) : a.size(1)); ++l)
        sum += (o.transpose_a ? A(l, i) : A(i, l)) * (o.transpose_b ? B(j, l) : B(l, j));
      y(i, j) =
          o.alpha * sum + (o.beta == 0 ? 0 : o.beta * c.at({i, j})) + (bias ? bias.at({j}) : 0);
    }
  return result;
}

}  // namespace lw::reference
