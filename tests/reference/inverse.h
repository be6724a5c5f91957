// The inverse of a matrix by Gauss and Jordan's elimination beside the unit matrix, in double.
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace lw::reference {

/// M [batch, N, N]; f64.
inline Tensor inverse(const Tensor& M) {
  const DeviceScope on_host(host);
  const int64_t N = M.size(1);
  Tensor X = Tensor::empty(M.shape(), DType::f64);
  for (int64_t b = 0; b < M.size(0); ++b) {
    std::vector<std::vector<double>> rows;  // [M | I]
    for (int64_t i = 0; i < N; ++i) {
      rows.push_back(M.select(0, b).select(0, i).to_vector());
      rows.back().resize(static_cast<size_t>(2 * N));
      rows.back()[static_cast<size_t>(N + i)] = 1;
    }
    for (size_t k = 0; k < rows.size(); ++k) {
      size_t p = k;
      for (size_t i = k; i < rows.size(); ++i)
        if (std::abs(rows[i][k]) > std::abs(rows[p][k])) p = i;
      std::swap(rows[k], rows[p]);
      for (size_t i = 0; i < rows.size(); ++i) {
        if (i == k) continue;
        const double factor = rows[i][k] / rows[k][k];
        for (size_t j = 0; j < rows[i].size(); ++j) rows[i][j] -= factor * rows[k][j];
      }
    }
    for (size_t i = 0; i < rows.size(); ++i)
      for (size_t j = 0; j < rows.size(); ++j)
        X.view<double, 3>()(b, i, j) = rows[i][rows.size() + j] / rows[i][i];
  }
  return X;
}

}  // namespace lw::reference
