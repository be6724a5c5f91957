// Normalisation of rows: layer norm and RMS norm, with the residual addition before it.
//
//   s = x + residual          (s = x without a residual)
//   y = (s - mean(s)) rstd w + b,   rstd = (variance(s) + epsilon)^-1/2        layer norm
//   y = s rstd w,                   rstd = (mean(s^2) + epsilon)^-1/2          RMS norm
//
// Shapes: x, residual, s, y [rows, n]; mean, rstd [rows]; weight, bias [groups, n]: row i takes
// line i mod groups, so that one call normalises the groups of a channel axis. All of one dtype,
// f32 or f64; x, residual and y may be pitched.
// Cost: reads x and residual, writes s and y; backward reads s, dy, ds, writes dx; bound by memory.
// Deterministic: rows are independent; dweight and dbias are sums of fixed chunks, in a fixed
// order.
// Gradients derived in README.md. Ba, Kiros & Hinton 2016, arXiv:1607.06450; Zhang & Sennrich 2019,
// arXiv:1910.07467.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct Norm {
  Tensor x;
  Tensor residual;  ///< undefined: none
  Tensor weight;
  Tensor bias;  ///< undefined: none
  double epsilon = 1e-5;
  bool centred = false;  ///< layer norm
};

/// What the backward pass needs. The caller allocates: sum where there is a residual (it is an
/// output, too), mean where the norm is centred.
struct NormSaved {
  Tensor sum, mean, rstd;
};

struct NormGradient {
  Tensor dx;  ///< of x and of the residual alike
  Tensor dweight;
  Tensor dbias;  ///< undefined where there is no bias
};

inline Kernel<void(const Norm& in, Tensor& y, NormSaved& saved)> norm_forward{"norm_forward"};

/// `in.x` is s here, whatever it was in the forward call. ds, the gradient that reaches s by
/// another way, may be undefined.
inline Kernel<void(const Norm& in, const NormSaved& saved, const Tensor& dy, const Tensor& ds,
                   NormGradient& gradient)>
    norm_backward{"norm_backward"};

}  // namespace lw::kernels
