// add_to: y += x over arrays, in vectors of the CPU. Internal.
#pragma once

#include <Eigen/Core>
#include <cstdint>

namespace lw::kernels {

/// y[i] += x[i] for 0 <= i < n. The arrays do not overlap.
template <class T>
void add_to(T* y, const T* x, int64_t n) {
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  Eigen::Map<Array>(y, n) += Eigen::Map<const Array>(x, n);
}

}  // namespace lw::kernels
