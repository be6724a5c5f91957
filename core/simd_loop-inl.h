// Loops over the elements of a row by whole vectors, for files compiled once per Highway target.
//
//   namespace simd = lw::simd::HWY_NAMESPACE;
//   simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
//     hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, c + i);
//   });
//   const T total = simd::sum<T>(n, [&](auto d, int64_t i) HWY_ATTR { return ...; });
//
// f(d, i) handles the elements i ... i + Lanes(d) - 1. What is left at the end comes one by one,
// with a d of one lane, so nothing beyond n is touched. Deterministic: the order depends on n
// alone.

#if defined(LW_CORE_SIMD_LOOP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_CORE_SIMD_LOOP_INL_H_
#undef LW_CORE_SIMD_LOOP_INL_H_
#else
#define LW_CORE_SIMD_LOOP_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace lw::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Calls f(d, i) for all elements of [0, n).
template <class T, class F>
HWY_INLINE void for_vectors(int64_t n, F&& f) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(d, i);
  for (; i < n; ++i) f(one, i);
}

/// Folds the vectors f(d, i) with `combine` in four interleaved chains, from a neutral element, and
/// then the lanes of the result with `across`.
template <class T, class F, class Combine, class Across>
HWY_INLINE T fold(int64_t n, T neutral, F&& f, Combine&& combine, Across&& across) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Set(d, neutral), b = a, c = a, e = a;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = combine(a, f(d, i));
    b = combine(b, f(d, i + lanes));
    c = combine(c, f(d, i + 2 * lanes));
    e = combine(e, f(d, i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) a = combine(a, f(d, i));
  auto rest = hn::Set(one, neutral);
  for (; i < n; ++i) rest = combine(rest, f(one, i));
  const T whole = across(d, combine(combine(a, b), combine(c, e)));
  return hn::GetLane(combine(hn::Set(one, whole), rest));
}

/// The sum of f over [0, n).
template <class T, class F>
HWY_INLINE T sum(int64_t n, F&& f) {
  return fold<T>(
      n, T(0), f, [](auto x, auto y) HWY_ATTR { return hn::Add(x, y); },
      [](auto d, auto v) HWY_ATTR { return hn::GetLane(hn::SumOfLanes(d, v)); });
}

/// The largest of f over [0, n); `neutral` if n = 0.
template <class T, class F>
HWY_INLINE T maximum(int64_t n, T neutral, F&& f) {
  return fold<T>(
      n, neutral, f, [](auto x, auto y) HWY_ATTR { return hn::Max(x, y); },
      [](auto d, auto v) HWY_ATTR { return hn::GetLane(hn::MaxOfLanes(d, v)); });
}

}  // namespace lw::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
