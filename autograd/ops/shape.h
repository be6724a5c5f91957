// Ops that change the shape of a value and not its elements: reshape, transpose, permute, flip,
// split, slice, select, concat, stack, pad.
//
// Shapes: negative axes count from the end. Any dtype, complex and integer included.
// Cost: reshape, split, slice and select share the memory of their argument wherever the layout
// allows it (always for split and slice); the others copy once. A gradient copies at most once:
// that of a split is assembled from its parts in one pass. Determinism: elements are moved, never
// added. Errors: an axis, size or index that does not fit throws Error naming the op and the shape.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <vector>

#include "autograd/variable.h"

namespace lw {

/// The same elements, in row-major order, in another shape; one size may be -1 and is worked out.
Variable reshape(const Variable& x, const Shape& shape);
Variable reshape(const Variable& x, std::initializer_list<int64_t> sizes);

/// Exchanges two axes.
Variable transpose(const Variable& x, int axis1, int axis2);

/// Axis k of the result is axis `axes[k]` of x.
Variable permute(const Variable& x, const std::vector<int>& axes);

/// Reverses the order along an axis.
Variable flip(const Variable& x, int axis);

/// Cuts an axis into parts of the given sizes, which add up to it.
Variables split(const Variable& x, const std::vector<int64_t>& sizes, int axis = -1);

/// The same for a number of parts known in the source: `auto [u, gate] = split<2>(x, {d, d});`
template <size_t Parts>
std::array<Variable, Parts> split(const Variable& x, const std::array<int64_t, Parts>& sizes,
                                  int axis = -1) {
  Variables parts = split(x, std::vector<int64_t>(sizes.begin(), sizes.end()), axis);
  std::array<Variable, Parts> result;
  std::move(parts.begin(), parts.end(), result.begin());
  return result;
}

/// Elements [begin, end) of an axis.
Variable slice(const Variable& x, int axis, int64_t begin, int64_t end);

/// Element `index` of an axis; the axis is dropped.
Variable select(const Variable& x, int axis, int64_t index);

/// Joins values along an axis; they agree in dtype and in every other axis.
Variable concat(const Variables& xs, int axis = -1);

/// Joins values of one shape along a new axis, put before `axis` (which may equal the rank).
Variable stack(const Variables& xs, int axis = 0);

/// Puts `before` and `after` elements of `value` around an axis.
Variable pad(const Variable& x, int axis, int64_t before, int64_t after, double value = 0);

}  // namespace lw
