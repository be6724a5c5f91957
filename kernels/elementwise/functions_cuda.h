// The functions of unary_ops-inl.h and binary_ops-inl.h for the numbers of a CUDA thread. Internal; for .cu files.
#pragma once

#include <cmath>
#include <type_traits>

#include "core/host_device.h"

namespace lw::kernels {
namespace {

using std::cos, std::erf, std::exp, std::expm1, std::fabs, std::fma, std::log, std::log1p, std::pow,
    std::sin, std::sqrt, std::tanh;

template <class T>
LW_HOST_DEVICE T select(bool condition, T a, T b) {
  return condition ? a : b;
}

// clang-format off: in this order
#include "kernels/elementwise/binary_ops-inl.h"
#include "kernels/elementwise/functions-inl.h"
#include "kernels/elementwise/unary_ops-inl.h"
// clang-format on

}  // namespace
}  // namespace lw::kernels
