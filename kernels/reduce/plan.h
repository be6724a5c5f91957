// Plan: a reduction as nested loops, axes that have no gap between them joined.
//
// The innermost axis of x, the row, is either reduced, and then gives one number, or kept, and then
// its columns are reduced side by side. Outside it come the reduced axes and, outermost, the kept.
// Internal; for the kernels of every device.
#pragma once

#include "core/host_device.h"
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
  struct Loops {
    std::array<Axis, Shape::max_rank + 1> axis;
    int count = 0;

    /// Joins the axis to the last one if there is no gap between them.
    void append(const Axis& inner) {
      if (count > 0 && axis[count - 1].joins(inner)) {
        axis[count - 1] = {axis[count - 1].size * inner.size, inner.x, inner.y, inner.dx,
                           inner.reduced};
      } else {
        axis[count++] = inner;
      }
    }
  };

  Loops kept, reduced;
  Axis row{1, 1, 1, 1, false};

  /// `dx` may be undefined. A complex x is a real one with one more axis, kept, of size 2.
  Plan(const Tensor& x, const Axes& axes, const Tensor& y, const Tensor& dx = {}) {
    Loops joined;
    const auto append = [&](const Axis& axis) {
      if (axis.size != 1) joined.append(axis);
    };
    const int64_t parts = is_complex(x.dtype()) ? 2 : 1;
    for (int k = 0; k < x.rank(); ++k)
      append({x.size(k), parts * x.stride(k), axes[k] ? 0 : parts * y.stride(k),
              dx.defined() ? dx.stride(k) : 0, axes[k]});
    append({parts, 1, 1, 0, false});
    if (joined.count > 0 && joined.axis[joined.count - 1].x == 1) row = joined.axis[--joined.count];
    for (int k = 0; k < joined.count; ++k) {
      Loops& loops = joined.axis[k].reduced ? reduced : kept;
      loops.axis[loops.count++] = joined.axis[k];
    }
  }

  /// Where iteration `index` of nested loops is.
  LW_HOST_DEVICE static Offsets offsets_of(const Loops& loops, int64_t index) {
    Offsets at;
    for (int k = loops.count - 1; k >= 0; --k) {
      const Axis& axis = loops.axis[k];
      const int64_t rest = k == 0 ? 0 : index / axis.size, here = index - rest * axis.size;
      index = rest;
      at.x += here * axis.x;
      at.y += here * axis.y;
      at.dx += here * axis.dx;
    }
    return at;
  }

  LW_HOST_DEVICE static int64_t iterations(const Loops& loops) {
    int64_t count = 1;
    for (int k = 0; k < loops.count; ++k) count *= loops.axis[k].size;
    return count;
  }
};

inline void check_reduced(const char* name, const Tensor& x, const Axes& axes, const Tensor& y) {
  Shape expected = x.shape();
  for (int k = 0; k < x.rank(); ++k)
    if (axes[k]) expected[k] = 1;
  check(y.shape() == expected && y.dtype() == x.dtype() && y.is_contiguous(), name, ": ", x,
        " into ", y, ", expected shape ", expected);
}

}  // namespace lw::kernels
