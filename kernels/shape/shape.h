// rearrange: a copy with its axes permuted and some of them reversed.
//
//   y[i_0, ..., i_{n-1}] = x[j_0, ..., j_{n-1}],   j_{axis[k]} = i_k or size_k - 1 - i_k
//
// Shapes: size k of y is size axis[k] of x. Any dtype, the same for both; either may be pitched.
// Cost: reads x, writes y; bound by memory. Deterministic.
#pragma once

#include <array>

#include "core/kernel.h"

namespace lw::kernels {

/// Where each axis of the result comes from.
struct Arrangement {
  std::array<int, Shape::max_rank> axis{0, 1, 2, 3, 4, 5, 6, 7};  ///< the axis of x that becomes k
  std::array<bool, Shape::max_rank> reversed{};                   ///< axis k of y runs backwards
};

inline Kernel<void(const Tensor& x, const Arrangement& how, Tensor& y)> rearrange{"rearrange"};

}  // namespace lw::kernels
