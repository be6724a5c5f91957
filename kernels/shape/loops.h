// A copy with its axes permuted, as nested loops. Internal; for the kernels of every device.
#pragma once

#include <array>
#include <cstdlib>

#include "core/host_device.h"
#include "kernels/shape/shape.h"

namespace lw::kernels {

/// One axis of the copy, with the distance between neighbours on either side.
struct Loop {
  int64_t size, from, to;
};

/// Loops around others.
struct Loops {
  std::array<Loop, Shape::max_rank> loop;
  int count = 0;

  int64_t iterations() const {
    int64_t product = 1;
    for (int k = 0; k < count; ++k) product *= loop[k].size;
    return product;
  }

  struct Offsets {
    int64_t from = 0, to = 0;
  };
  /// Where iteration `index` is.
  LW_HOST_DEVICE Offsets offsets_of(int64_t index) const {
    Offsets at;
    for (int k = count - 1; k >= 0; --k) {
      const int64_t rest = k == 0 ? 0 : index / loop[k].size, here = index - rest * loop[k].size;
      index = rest;
      at.from += here * loop[k].from;
      at.to += here * loop[k].to;
    }
    return at;
  }

  Loop take(int k) {
    const Loop taken = loop[k];
    for (int i = k; i + 1 < count; ++i) loop[i] = loop[i + 1];
    --count;
    return taken;
  }
};

/// The copy: `along` is the last axis of y. Where x is contiguous along another axis instead, that
/// one is `down`, and the copy a transposition.
struct Rearrangement {
  Loops outer;
  Loop down{1, 0, 0}, along{1, 1, 1};
  bool transposes = false;
  int64_t from = 0;  // offset of the first element of x

  Rearrangement(const Tensor& x, const Arrangement& how, const Tensor& y) {
    for (int k = 0; k < y.rank(); ++k) {
      if (y.size(k) == 1) continue;
      Loop next{y.size(k), x.stride(how.axis[k]), y.stride(k)};
      if (how.reversed[k]) {
        from += (next.size - 1) * next.from;
        next.from = -next.from;
      }
      append(next);
    }
    if (outer.count == 0) return;
    along = outer.take(outer.count - 1);
    int least = 0;
    for (int k = 1; k < outer.count; ++k)
      if (std::abs(outer.loop[k].from) < std::abs(outer.loop[least].from)) least = k;
    transposes = outer.count > 0 && std::abs(outer.loop[least].from) < std::abs(along.from);
    if (transposes) down = outer.take(least);
  }

 private:
  /// Axes that have no gap between them on either side are joined.
  void append(const Loop& inner) {
    if (outer.count > 0) {
      Loop& last = outer.loop[outer.count - 1];
      if (last.from == inner.from * inner.size && last.to == inner.to * inner.size) {
        last = {last.size * inner.size, inner.from, inner.to};
        return;
      }
    }
    outer.loop[outer.count++] = inner;
  }
};

inline void check_rearrange(const Tensor& x, const Arrangement& how, const Tensor& y) {
  check(x.rank() == y.rank() && x.dtype() == y.dtype(), "rearrange: ", x, " into ", y);
  for (int k = 0; k < y.rank(); ++k)
    check(y.size(k) == x.size(how.axis[k]), "rearrange: axis ", how.axis[k], " of ", x,
          " into axis ", k, " of ", y);
}

/// Calls f(TypeTag<T>()) with a type of the size of the elements.
template <class F>
void for_size_of(DType dtype, const F& f) {
  switch (size_of(dtype)) {
    case 1:
      return f(TypeTag<uint8_t>());
    case 2:
      return f(TypeTag<uint16_t>());
    case 4:
      return f(TypeTag<uint32_t>());
    case 8:
      return f(TypeTag<uint64_t>());
    default:
      return f(TypeTag<std::array<uint64_t, 2>>());
  }
}

}  // namespace lw::kernels
