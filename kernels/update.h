// UpdateNumbers: what an update of all parameters is given besides the arrays, where the device reads it.
//
// The parameters lie in one flat buffer, cut into groups; elements of one group share a row of factors. Factors and
// scale are numbers in the device's memory, so that a step that was recorded once can be started again with others, and
// the scale may be known to the device alone.
#pragma once

#include <algorithm>
#include <array>

#include "core/host_device.h"
#include "core/tensor.h"

namespace lw::kernels {

/// Group k holds elements [ends[k - 1], ends[k]). All but the last end at a multiple of 64 bytes.
struct UpdateGroups {
  static constexpr int most = 16;
  int count = 0;
  int64_t ends[most] = {};

  /// The group of an element.
  LW_HOST_DEVICE int of(int64_t element) const {
    int k = 0;
    while (k + 1 < count && element >= ends[k]) ++k;
    return k;
  }
};

struct UpdateNumbers {
  UpdateGroups groups;
  Tensor factors;  ///< f64 [group, factor]
  Tensor scale;    ///< f64, a scalar: multiplies the gradients; not finite: nothing is updated
};

/// A buffer of one group.
inline UpdateNumbers one_group(int64_t size, std::span<const double> factors, double scale = 1) {
  UpdateGroups groups;
  groups.count = 1, groups.ends[0] = size;
  return {groups, Tensor::from({1, static_cast<int64_t>(factors.size())}, factors),
          Tensor::scalar(scale, DType::f64)};
}

/// Refuses numbers that do not belong to a buffer of `size` elements.
inline void check_update(const char* op, const UpdateNumbers& n, int64_t size, int64_t factors) {
  const UpdateGroups& groups = n.groups;
  check(size == 0 || (groups.count > 0 && groups.ends[groups.count - 1] == size), op,
        ": the groups end at ", groups.count > 0 ? groups.ends[groups.count - 1] : 0, ", not at ",
        size);
  check(n.factors && n.factors.dtype() == DType::f64 &&
            n.factors.shape() == Shape{groups.count, factors} && n.factors.is_contiguous(),
        op, ": the factors are ", n.factors, ", expected f64 ", Shape{groups.count, factors});
  check(n.scale && n.scale.dtype() == DType::f64 && n.scale.numel() == 1, op, ": the scale is ",
        n.scale, ", expected one number of f64");
}

}  // namespace lw::kernels
