// Lanes: a vector that reads like a number, so that one text of a formula serves CPU vectors here
// and plain numbers elsewhere (a CUDA thread, a reference in a test).
//
//   template <class T>
//   T silu(T x) { return x / (1 + exp(-x)); }        T = Lanes<D>, float or double
//
// Numbers convert to Lanes; in a formula write T(0.5), not 0.5, which would make a float a double.
// Choices are select(condition, a, b), which evaluates both. load and store also convert bf16, which
// is computed with in f32. To be included like core/simd_math-inl.h.

#if defined(LW_CORE_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_CORE_LANES_INL_H_
#undef LW_CORE_LANES_INL_H_
#else
#define LW_CORE_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <cmath>

#include "core/dtype.h"
#include "core/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::simd::HWY_NAMESPACE {

template <class D>
struct Lanes {
  using Number = hn::TFromD<D>;
  using Condition = hn::Mask<D>;

  Vec<D> v;

  HWY_INLINE Lanes() : v(hn::Zero(D())) {}
  HWY_INLINE Lanes(Vec<D> vector) : v(vector) {}                                     // NOLINT
  HWY_INLINE Lanes(double number) : v(hn::Set(D(), static_cast<Number>(number))) {}  // NOLINT

  friend HWY_INLINE Lanes operator+(Lanes a, Lanes b) { return hn::Add(a.v, b.v); }
  friend HWY_INLINE Lanes operator-(Lanes a, Lanes b) { return hn::Sub(a.v, b.v); }
  friend HWY_INLINE Lanes operator*(Lanes a, Lanes b) { return hn::Mul(a.v, b.v); }
  friend HWY_INLINE Lanes operator/(Lanes a, Lanes b) { return hn::Div(a.v, b.v); }
  friend HWY_INLINE Lanes operator-(Lanes a) { return hn::Neg(a.v); }

  friend HWY_INLINE Condition operator<(Lanes a, Lanes b) { return hn::Lt(a.v, b.v); }
  friend HWY_INLINE Condition operator>(Lanes a, Lanes b) { return hn::Gt(a.v, b.v); }
  friend HWY_INLINE Condition operator==(Lanes a, Lanes b) { return hn::Eq(a.v, b.v); }
  friend HWY_INLINE Lanes select(Condition c, Lanes a, Lanes b) {
    return hn::IfThenElse(c, a.v, b.v);
  }

  friend HWY_INLINE Lanes fma(Lanes a, Lanes b, Lanes c) { return hn::MulAdd(a.v, b.v, c.v); }
  friend HWY_INLINE Lanes fabs(Lanes x) { return hn::Abs(x.v); }
  friend HWY_INLINE Lanes sqrt(Lanes x) { return hn::Sqrt(x.v); }
  friend HWY_INLINE Lanes exp(Lanes x) { return simd::HWY_NAMESPACE::exp(D(), x.v); }
  friend HWY_INLINE Lanes expm1(Lanes x) { return simd::HWY_NAMESPACE::expm1(D(), x.v); }
  friend HWY_INLINE Lanes log(Lanes x) { return simd::HWY_NAMESPACE::log(D(), x.v); }
  friend HWY_INLINE Lanes log1p(Lanes x) { return simd::HWY_NAMESPACE::log1p(D(), x.v); }
  friend HWY_INLINE Lanes tanh(Lanes x) { return simd::HWY_NAMESPACE::tanh(D(), x.v); }
  friend HWY_INLINE Lanes erf(Lanes x) { return simd::HWY_NAMESPACE::erf(D(), x.v); }
  friend HWY_INLINE Lanes sin(Lanes x) { return simd::HWY_NAMESPACE::sin(D(), x.v); }
  friend HWY_INLINE Lanes cos(Lanes x) { return simd::HWY_NAMESPACE::cos(D(), x.v); }
  /// One lane after the other: right for every x and y, and slow.
  friend HWY_INLINE Lanes pow(Lanes x, Lanes y) {
    HWY_ALIGN Number bases[hn::MaxLanes(D())], exponents[hn::MaxLanes(D())];
    hn::Store(x.v, D(), bases);
    hn::Store(y.v, D(), exponents);
    for (size_t i = 0; i < hn::Lanes(D()); ++i) bases[i] = std::pow(bases[i], exponents[i]);
    return hn::Load(D(), bases);
  }
};

/// The tag in which elements of type E are computed with: f32 for bf16.
template <class E>
using ComputeTag = hn::ScalableTag<std::conditional_t<std::is_same_v<E, bfloat16>, float, E>>;

template <class D>
HWY_INLINE Lanes<D> load(D d, const hn::TFromD<D>* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE Lanes<D> load(D d, const bfloat16* from) {
  const hn::RebindToUnsigned<D> d32;
  const hn::Rebind<uint16_t, D> d16;
  const auto bits = hn::LoadU(d16, reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, bits)));
}

template <class D>
HWY_INLINE void store(Lanes<D> x, D d, hn::TFromD<D>* to) {
  hn::StoreU(x.v, d, to);
}
/// Rounds to nearest even; NaN stays NaN.
template <class D>
HWY_INLINE void store(Lanes<D> x, D /*d*/, bfloat16* to) {
  const hn::RebindToUnsigned<D> d32;
  const hn::RebindToSigned<D> di32;
  const hn::Rebind<uint16_t, D> d16;
  const auto bits = hn::BitCast(d32, x.v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(d32, 0x7fff)));
  const auto quiet = hn::Or(bits, hn::Set(d32, 0x400000));
  const auto is_nan = hn::RebindMask(d32, hn::IsNaN(x.v));
  const auto upper = hn::ShiftRight<16>(hn::IfThenElse(is_nan, quiet, rounded));
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di32, upper)), d16, reinterpret_cast<uint16_t*>(to));
}

/// The first `count` elements at `from`, and `rest` in the other lanes.
template <class D, class E>
HWY_INLINE Lanes<D> load_part(D d, const E* from, int64_t count, E rest) {
  HWY_ALIGN E part[hn::MaxLanes(D())];
  for (int64_t i = 0; i < static_cast<int64_t>(hn::Lanes(d)); ++i)
    part[i] = i < count ? from[i] : rest;
  return load(d, part);
}
/// Stores the first `count` lanes.
template <class D, class E>
HWY_INLINE void store_part(Lanes<D> x, D d, E* to, int64_t count) {
  HWY_ALIGN E part[hn::MaxLanes(D())];
  store(x, d, part);
  for (int64_t i = 0; i < count; ++i) to[i] = part[i];
}

}  // namespace lw::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
