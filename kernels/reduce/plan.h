// Plan: a reduction as nested loops, axes that have no gap between them joined.
//
// The innermost axis of x, the row, is either reduced, and then gives one number, or kept, and then
// its columns are reduced side by side. Outside it come the reduced axes and, outermost, the kept.
#pragma once

#include <vector>

#include "kernels/reduce/reduce.h"

namespace lw::kernels {

struct Plan {
  struct Axis {
    int64_t size;
    int64_t x, y, dx;  // strides
    bool reduced;

    bool joins(const Axis& inner) const {
      return reduced == inner.reduced && x == inner.size * inner.x && y == inner.size * inner.y &&
             dx == inner.size * inner.dx;
    }
  };
  struct Offsets {
    int64_t x = 0, y = 0, dx = 0;
  };

  std::vector<Axis> kept, reduced;
  Axis row{1, 1, 1, 1, false};

  /// `dx` may be undefined. A complex x is a real one with one more axis, kept, of size 2.
  Plan(const Tensor& x, const Axes& axes, const Tensor& y, const Tensor& dx = {}) {
    std::vector<Axis> joined;
    const auto append = [&](const Axis& axis) {
      if (axis.size == 1) return;
      if (!joined.empty() && joined.back().joins(axis)) {
        joined.back() = {joined.back().size * axis.size, axis.x, axis.y, axis.dx, axis.reduced};
      } else {
        joined.push_back(axis);
      }
    };
    const int64_t parts = is_complex(x.dtype()) ? 2 : 1;
    for (int k = 0; k < x.rank(); ++k)
      append({x.size(k), parts * x.stride(k), axes[k] ? 0 : parts * y.stride(k),
              dx.defined() ? dx.stride(k) : 0, axes[k]});
    append({parts, 1, 1, 0, false});
    if (!joined.empty() && joined.back().x == 1) {
      row = joined.back();
      joined.pop_back();
    }
    for (const Axis& axis : joined) (axis.reduced ? reduced : kept).push_back(axis);
  }

  /// Where iteration `index` of nested loops is.
  static Offsets offsets_of(const std::vector<Axis>& axes, int64_t index) {
    Offsets at;
    for (size_t k = axes.size(); k-- > 0; index /= axes[k].size) {
      const int64_t here = index % axes[k].size;
      at.x += here * axes[k].x;
      at.y += here * axes[k].y;
      at.dx += here * axes[k].dx;
    }
    return at;
  }

  static int64_t iterations(const std::vector<Axis>& axes) {
    int64_t count = 1;
    for (const Axis& axis : axes) count *= axis.size;
    return count;
  }
};

}  // namespace lw::kernels
