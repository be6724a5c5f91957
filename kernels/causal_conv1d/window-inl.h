// Window: the last few vectors of a stream, oldest first.
//
//   #include "kernels/causal_conv1d/window-inl.h"    after hwy/foreach_target.h

#if defined(LW_KERNELS_CAUSAL_CONV1D_WINDOW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_CAUSAL_CONV1D_WINDOW_INL_H_
#undef LW_KERNELS_CAUSAL_CONV1D_WINDOW_INL_H_
#else
#define LW_KERNELS_CAUSAL_CONV1D_WINDOW_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// W vectors, oldest first: the taps, the window that slides over the inputs, sums for each tap.
/// In registers where W is a constant of the program (kWidth > 0), else in memory.
template <class D, int kWidth>
class Window {
 public:
  using V = hn::Vec<D>;
  Window(D d, int64_t /*width*/) { clear(d); }
  static constexpr int64_t size() { return kWidth; }
  HWY_INLINE V get(D, int64_t i) const { return v_[i]; }
  HWY_INLINE void set(D, int64_t i, V v) { v_[i] = v; }
  HWY_INLINE void clear(D d) {
    for (int i = 0; i < kWidth; ++i) v_[i] = hn::Zero(d);
  }
  HWY_INLINE void push(D, V newest) {
    for (int i = 1; i < kWidth; ++i) v_[i - 1] = v_[i];
    v_[kWidth - 1] = newest;
  }

 private:
  V v_[kWidth];
};

template <class D>
class Window<D, 0> {
 public:
  using V = hn::Vec<D>;
  Window(D d, int64_t width)
      : width_(width),
        lanes_(static_cast<int64_t>(hn::Lanes(d))),
        v_(static_cast<size_t>(width * lanes_)) {}
  int64_t size() const { return width_; }
  V get(D d, int64_t i) const { return hn::LoadU(d, v_.data() + i * lanes_); }
  void set(D d, int64_t i, V v) { hn::StoreU(v, d, v_.data() + i * lanes_); }
  void clear(D) { std::fill(v_.begin(), v_.end(), 0); }
  void push(D d, V newest) {
    std::copy(v_.begin() + lanes_, v_.end(), v_.begin());
    set(d, width_ - 1, newest);
  }

 private:
  int64_t width_, lanes_;
  std::vector<hn::TFromD<D>> v_;
};

/// start + sum_j taps_j window_j
template <class D, class W>
HWY_INLINE hn::Vec<D> inner_product(D d, const W& taps, const W& window, hn::Vec<D> start) {
  for (int64_t j = 0; j < taps.size(); ++j)
    start = hn::MulAdd(taps.get(d, j), window.get(d, j), start);
  return start;
}

/// Calls f(std::integral_constant<int, W>()) for the widths that are unrolled, with 0 for others.
template <class F>
void for_width(int64_t width, F&& f) {
  switch (width) {
    case 2:
      return f(std::integral_constant<int, 2>());
    case 3:
      return f(std::integral_constant<int, 3>());
    case 4:
      return f(std::integral_constant<int, 4>());
    default:
      return f(std::integral_constant<int, 0>());
  }
}

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
