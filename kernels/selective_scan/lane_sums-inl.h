// Sums over the lanes of many vectors: the gradients of B and C, which the channels share. Included by
// backward-inl.h; see README.md, "On a CPU".

#if defined(LW_KERNELS_SELECTIVE_SCAN_LANE_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_SELECTIVE_SCAN_LANE_SUMS_INL_H_
#undef LW_KERNELS_SELECTIVE_SCAN_LANE_SUMS_INL_H_
#else
#define LW_KERNELS_SELECTIVE_SCAN_LANE_SUMS_INL_H_
#endif

#include "kernels/selective_scan/strip-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

/// to[i] = the sum of the lanes of vector i, of four: of two vectors the halves are put side by side
/// and added, so that four sums take hardly longer than one by itself.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void add_lanes_of_four(D d, const T* vectors, T* to) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 4; ++i) to[i] = vectors[i * lanes];
#else
  using V = hn::Vec<D>;
  const auto fold = [d](V a, V b) HWY_ATTR {  // within each block of 16 bytes
    return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  };
  const auto store = [d](V blocks, T* at) HWY_ATTR {  // the sum of all blocks
    constexpr size_t kBlock = 16 / sizeof(T);
    HWY_ALIGN T parts[HWY_MAX_BYTES / sizeof(T)];
    hn::Store(blocks, d, parts);
    const hn::FixedTag<T, kBlock> block;
    auto sum = hn::Load(block, parts);
    for (size_t i = kBlock; i < hn::Lanes(d); i += kBlock)
      sum = hn::Add(sum, hn::Load(block, parts + i));
    hn::StoreU(sum, block, at);
  };
  V v[4];
  for (int i = 0; i < 4; ++i) v[i] = hn::Load(d, vectors + i * lanes);
  if constexpr (sizeof(T) == 4) {
    store(fold(fold(v[0], v[2]), fold(v[1], v[3])), to);
  } else {
    store(fold(v[0], v[1]), to);
    store(fold(v[2], v[3]), to + 2);
  }
#endif
}

/// The lanes of each vector of [time][kStates] added up, to states [n, n + kStates) of each step.
template <int kStates, class T>
void add_lanes(const Chunk<T>& k, int64_t n, const T* vectors, const View<T, 2>& to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t t = 0; t < k.steps; ++t, vectors += kStates * lanes) {
    T* sums = &to(k.begin + t, n);
    if constexpr (kStates == 4) {
      add_lanes_of_four(d, vectors, sums);
    } else {
      for (int i = 0; i < kStates; ++i)
        sums[i] = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, vectors + i * lanes)));
    }
  }
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
