// View: a typed window onto a tensor. Indexing reads like the mathematics: u(b, t, d).
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace lw {

/// A plain value that kernels take: no ownership, no checks. Strides are 64-bit and counted in
/// elements; the last axis is contiguous (its stride is 1), the others may have any pitch.
template <class T, int Rank>
struct View {
  T* data = nullptr;
  int64_t sizes[Rank] = {};
  int64_t strides[Rank] = {};

  template <class... Index>
  LW_HOST_DEVICE T& operator()(Index... index) const {
    static_assert(sizeof...(Index) == Rank, "one index per axis");
    int64_t offset = 0;
    int axis = 0;
    ((offset += strides[axis++] * static_cast<int64_t>(index)), ...);
    return data[offset];
  }
};

}  // namespace lw
