// for_rows and convert: walking over a pitched tensor, and from one dtype to another. Internal.
#pragma once

#include <array>

#include "core/dtype.h"
#include "core/shape.h"

namespace lw {

using Strides = std::array<int64_t, Shape::max_rank>;

/// Calls f(offset) for the first element of every row, in row-major order.
template <class F>
void for_rows(const Shape& shape, const Strides& strides, F&& f) {
  if (shape.rank() <= 1) return f(int64_t{0});
  std::array<int64_t, Shape::max_rank> index{};
  const int last = shape.rank() - 1;
  for (int64_t row = 0, rows = shape.without(-1).numel(), offset = 0; row < rows; ++row) {
    f(offset);
    for (int axis = last - 1; axis >= 0; --axis) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

template <class To, class From>
To convert(From value) {
  constexpr bool from_complex = is_complex(dtype_of<From>), to_complex = is_complex(dtype_of<To>);
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, bfloat16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bfloat16>) {
    return bfloat16(convert<float>(value));
  } else if constexpr (from_complex && to_complex) {
    return To(static_cast<typename To::value_type>(value.real()),
              static_cast<typename To::value_type>(value.imag()));
  } else if constexpr (from_complex) {
    return static_cast<To>(value.real());
  } else if constexpr (to_complex) {
    return To(static_cast<typename To::value_type>(value));
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace lw
