#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "core/tensor_elements.h"
#include "core/tensor_rows.h"

namespace lw {
namespace {

constexpr int64_t grain = 1 << 16;

Strides strides_of(const Tensor& t) {
  Strides strides{};
  for (int axis = 0; axis < t.rank(); ++axis) strides[axis] = t.stride(axis);
  return strides;
}

void fill_cpu(double value, Tensor& y) {
  for_dtype(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* base = y.data<T>();
    const T x = convert<T>(value);
    const int64_t columns = y.rank() == 0 ? 1 : y.size(-1);
    if (y.is_contiguous()) {
      parallel_for(y.numel(), grain,
                   [&](int64_t begin, int64_t end) { std::fill(base + begin, base + end, x); });
    } else {
      for_rows(y.shape(), strides_of(y),
               [&](int64_t offset) { std::fill_n(base + offset, columns, x); });
    }
  });
}

template <class From, class To>
void copy_row(const From* x, To* y, int64_t n) {
  if constexpr (std::is_same_v<To, From>) {
    std::memcpy(static_cast<void*>(y), x, static_cast<size_t>(n) * sizeof(To));
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = convert<To>(x[i]);
  }
}

/// The outermost axis goes over the threads; below it, rows are walked in step.
template <class From, class To>
void copy_pitched(const Tensor& x, Tensor& y) {
  const From* from = x.data<From>();
  To* to = y.data<To>();
  if (y.rank() == 1) return copy_row(from, to, y.numel());
  const Strides outer_from = strides_of(x), outer_to = strides_of(y);
  Strides inner_from{}, inner_to{};
  for (int axis = 1; axis < y.rank(); ++axis)
    inner_from[axis - 1] = outer_from[axis], inner_to[axis - 1] = outer_to[axis];
  const Shape inner = y.shape().without(0);
  parallel_chunks(y.size(0), [&](int64_t i) {
    std::vector<int64_t> offsets;
    for_rows(inner, inner_from, [&](int64_t offset) { offsets.push_back(offset); });
    size_t row = 0;
    const From* in = from + i * outer_from[0];
    To* out = to + i * outer_to[0];
    for_rows(inner, inner_to,
             [&](int64_t offset) { copy_row(in + offsets[row++], out + offset, y.size(-1)); });
  });
}

void copy_cpu(const Tensor& x, Tensor& y) {
  for_dtype(y.dtype(), [&](auto to_tag) {
    for_dtype(x.dtype(), [&](auto from_tag) {
      using To = typename decltype(to_tag)::type;
      using From = typename decltype(from_tag)::type;
      if (!x.is_contiguous() || !y.is_contiguous()) return copy_pitched<From, To>(x, y);
      const From* from = x.data<From>();
      To* to = y.data<To>();
      parallel_for(y.numel(), grain, [&](int64_t begin, int64_t end) {
        copy_row(from + begin, to + begin, end - begin);
      });
    });
  });
}

const Implementation fill{fill_elements, DeviceKind::cpu, &fill_cpu};
const Implementation copy{copy_elements, DeviceKind::cpu, &copy_cpu};

}  // namespace
}  // namespace lw
