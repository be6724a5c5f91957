// Softmax and its logarithm along the last axis.
//
//   softmax               y_i = e^(x_i) / sum_j e^(x_j)
//   softmax_backward      dx  = y (dy - sum_j dy_j y_j)
//   log_softmax           y_i = x_i - log sum_j e^(x_j)
//   log_softmax_backward  dx  = dy - e^y sum_j dy_j
//
// Shapes: one for all. dtypes: f32, f64, one for all. All may be pitched; y and dx have rows at
// equal distances. Cost: x is read three times, row by row. Deterministic.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

inline Kernel<void(const Tensor& x, Tensor& y)> softmax{"softmax"};
inline Kernel<void(const Tensor& y, const Tensor& dy, Tensor& dx)> softmax_backward{
    "softmax_backward"};
inline Kernel<void(const Tensor& x, Tensor& y)> log_softmax{"log_softmax"};
inline Kernel<void(const Tensor& y, const Tensor& dy, Tensor& dx)> log_softmax_backward{
    "log_softmax_backward"};

// What every device refuses.
inline void check_softmax(const Tensor& x, const Tensor& y) {
  check(x.shape() == y.shape() && x.dtype() == y.dtype(), "softmax: ", x, " into ", y);
}
inline void check_softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  check(y.shape() == dx.shape() && dy.shape() == dx.shape(), "softmax_backward: ", y, " and ", dy,
        " into ", dx);
}

}  // namespace lw::kernels
