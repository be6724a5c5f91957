// Nest: a loop over the elements of a broadcast result, as parallel loops over rows. Internal.
//
// Operands align at the right, as in NumPy; an axis of size 1 that meets a larger one has stride 0.
// Axes that all operands have without a gap are joined, so that contiguous operands of one shape
// make a single long row. Rows are cut and dealt to threads in ways that depend on sizes alone.
#pragma once

#include <algorithm>
#include <array>

#include "core/parallel.h"
#include "core/tensor.h"

namespace lw {

template <size_t N>
struct Nest {
  using Offsets = std::array<int64_t, N>;  // in elements, one for each operand

  struct Axis {
    int64_t size;
    Offsets stride;
  };
  std::array<Axis, Shape::max_rank> outer;
  int rank = 0;      // number of outer axes
  Axis row{1, {}};   // every stride is 0 or 1
  int64_t rows = 1;  // product of the outer sizes

  /// The loop over a result of the given shape; an undefined operand gets strides of 0.
  Nest(const Shape& shape, const std::array<const Tensor*, N>& operands) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] != 1) append({shape[axis], strides_at(axis, shape, operands)});
    }
    const auto is_step = [](int64_t stride) { return stride == 0 || stride == 1; };
    const bool has_row = rank > 0 && std::all_of(outer[rank - 1].stride.begin(),
                                                 outer[rank - 1].stride.end(), is_step);
    if (has_row) {
      row = outer[--rank];
    } else {
      for (size_t n = 0; n < N; ++n) row.stride[n] = operands[n]->defined();
    }
    for (int k = 0; k < rank; ++k) rows *= outer[k].size;
  }

  /// Calls body(offsets, count) for pieces of rows that cover every element, on several threads.
  template <class Body>
  void for_rows(Body&& body) const {
    constexpr int64_t longest = 1 << 14, grain = 1 << 15;  // in elements
    const int64_t pieces = std::max<int64_t>(1, (row.size + longest - 1) / longest);
    const int64_t at_once = grain / std::min(longest, std::max<int64_t>(1, row.size));
    if (row.size == 0) return;
    parallel_for(rows * pieces, std::max<int64_t>(1, at_once), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Offsets at = offsets_of(i / pieces);
        const int64_t first = i % pieces * longest;
        for (size_t n = 0; n < N; ++n) at[n] += first * row.stride[n];
        body(at, std::min(longest, row.size - first));
      }
    });
  }

  /// Where each operand has the first element of a row.
  LW_HOST_DEVICE Offsets offsets_of(int64_t index) const {
    Offsets at{};
    for (int k = rank - 1; k >= 0; --k) {
      const int64_t rest = k == 0 ? 0 : index / outer[k].size;
      const int64_t here = index - rest * outer[k].size;
      index = rest;
      for (size_t n = 0; n < N; ++n) at[n] += here * outer[k].stride[n];
    }
    return at;
  }

  int64_t elements() const { return rows * row.size; }
  /// Where each operand has an element of the result, counted in row-major order.
  LW_HOST_DEVICE Offsets place_of(int64_t element) const {
    const int64_t line = rank == 0 ? 0 : element / row.size;
    Offsets at = offsets_of(line);
    const int64_t column = element - line * row.size;
    for (size_t n = 0; n < N; ++n) at[n] += column * row.stride[n];
    return at;
  }

 private:
  static Offsets strides_at(int axis, const Shape& shape,
                            const std::array<const Tensor*, N>& operands) {
    Offsets stride{};
    for (size_t n = 0; n < N; ++n) {
      const int own = axis - shape.rank() + operands[n]->rank();
      if (operands[n]->defined() && own >= 0 && operands[n]->size(own) != 1)
        stride[n] = operands[n]->stride(own);
    }
    return stride;
  }

  void append(const Axis& inner) {
    if (rank > 0) {
      Axis& last = outer[rank - 1];
      bool joins = true;
      for (size_t n = 0; n < N; ++n) joins &= last.stride[n] == inner.size * inner.stride[n];
      if (joins) {
        last = {last.size * inner.size, inner.stride};
        return;
      }
    }
    outer[rank++] = inner;
  }
};

}  // namespace lw
