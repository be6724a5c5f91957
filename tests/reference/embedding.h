// The gradient of a table in fp64, to be read beside kernels/embedding/README.md.
#pragma once

#include "core/tensor.h"

namespace lw::reference {

inline Tensor embedding_gradient(const Tensor& dy_, const std::vector<int64_t>& ids,
                                 int64_t vocabulary) {
  const DeviceScope on_host(host);
  const Tensor dy = dy_.to(host);
  const Tensor dtable = Tensor::zeros({vocabulary, dy.size(1)}, DType::f64);
  for (int64_t i = 0; i < dy.size(0); ++i)
    for (int64_t j = 0; j < dy.size(1); ++j)
      dtable.view<double, 2>()(ids[static_cast<size_t>(i)], j) += dy.at({i, j});
  return dtable;
}

}  // namespace lw::reference
