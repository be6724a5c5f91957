// Loads and stores of the first few lanes of a vector, for the end of a row. Nothing beyond them is
// touched.
//
//   #include "kernels/partial_vector-inl.h"          after hwy/foreach_target.h

#if defined(LW_KERNELS_PARTIAL_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_PARTIAL_VECTOR_INL_H_
#undef LW_KERNELS_PARTIAL_VECTOR_INL_H_
#else
#define LW_KERNELS_PARTIAL_VECTOR_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// The first `count` elements at p, and zeros in the lanes beyond.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_lanes(D d, const T* p, int64_t count) {
  if (count >= static_cast<int64_t>(hn::Lanes(d))) [[likely]]
    return hn::LoadU(d, p);
  HWY_ALIGN T some[HWY_MAX_BYTES / sizeof(T)] = {};
  std::memcpy(some, p, static_cast<size_t>(count) * sizeof(T));
  return hn::Load(d, some);
}

/// Writes the first `count` lanes of v to p.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_lanes(D d, hn::Vec<D> v, T* p, int64_t count) {
  if (count >= static_cast<int64_t>(hn::Lanes(d))) [[likely]]
    return hn::StoreU(v, d, p);
  HWY_ALIGN T some[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(v, d, some);
  std::memcpy(p, some, static_cast<size_t>(count) * sizeof(T));
}

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
