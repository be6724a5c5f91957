// Loops over vectors for files that Highway compiles once for each instruction set
// (foreach_target).
#if defined(LW_CORE_SIMD_LOOP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_CORE_SIMD_LOOP_INL_H_
#undef LW_CORE_SIMD_LOOP_INL_H_
#else
#define LW_CORE_SIMD_LOOP_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lw::HWY_NAMESPACE {

/// Calls f(d, i) for i in [0, size): with d a whole vector of T, then, for what is left, with d a
/// vector of one element. An f that works lane by lane gives each element the same bits in either.
template <class T, class F>
HWY_INLINE void for_vectors(int64_t size, F&& f) {
  const hwy::HWY_NAMESPACE::ScalableTag<T> whole;
  const hwy::HWY_NAMESPACE::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hwy::HWY_NAMESPACE::Lanes(whole));
  int64_t i = 0;
  for (; i + lanes <= size; i += lanes) f(whole, i);
  for (; i < size; ++i) f(one, i);
}

}  // namespace lw::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
