// The two functions of vectors that the selective scan needs: the decay of a step, and the step size.
// Included by strip-inl.h; see README.md, "On a CPU".

#if defined(LW_KERNELS_SELECTIVE_SCAN_DECAY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_SELECTIVE_SCAN_DECAY_INL_H_
#undef LW_KERNELS_SELECTIVE_SCAN_DECAY_INL_H_
#else
#define LW_KERNELS_SELECTIVE_SCAN_DECAY_INL_H_
#endif

#include <bit>
#include <cstdint>

#include "core/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

namespace {

namespace math = lw::simd::HWY_NAMESPACE;

/// c[0] x^n + ... + c[n], for kCount vectors side by side.
template <int kCount, class D, class V, class... Rest>
HWY_INLINE void polynomial(D d, const V (&x)[kCount], V (&p)[kCount], double first, Rest... rest) {
  using T = hn::TFromD<D>;
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) p[i] = hn::Set(d, static_cast<T>(first));
  const auto multiply_add = [&](double c) HWY_ATTR {
    HWY_UNROLL(8)
    for (int i = 0; i < kCount; ++i) p[i] = hn::MulAdd(p[i], x[i], hn::Set(d, static_cast<T>(c)));
  };
  (multiply_add(rest), ...);
}

#if HWY_TARGET <= HWY_AVX3  // 16 lanes of f32: a table of 16 powers of two fits a register
/// 2^(i/16) as bits, less what the bits of i add when they are shifted towards the exponent.
struct Roots {
  alignas(64) uint32_t less_shifted[16];
  constexpr Roots() : less_shifted() {
    constexpr float roots[16] = {1.f,         1.04427378f, 1.09050773f, 1.13878863f,
                                 1.18920712f, 1.24185781f, 1.29683955f, 1.35425555f,
                                 1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f,
                                 1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};
    for (uint32_t i = 0; i < 16; ++i)
      less_shifted[i] = std::bit_cast<uint32_t>(roots[i]) - (i << 19);
  }
};
constexpr Roots roots;

/// x <- 2^x, for kCount vectors, -125 <= x <= 0, to 1 ulp: x = i/16 + f with |f| <= 1/32, and
/// 2^x = T + T f q(f) with T = 2^(i/16) from the table.
template <int kCount, class D, class V>
HWY_INLINE void powers_by_table(D d, V (&x)[kCount]) {
  const hn::RebindToUnsigned<D> bits;
  const auto table = hn::Load(bits, roots.less_shifted);
  const V magic = hn::Set(d, 0x1.8p19f);  // adding it rounds to sixteenths, i in the low bits
  V t[kCount], q[kCount];
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) t[i] = hn::Add(x[i], magic);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) x[i] = hn::Sub(x[i], hn::Sub(t[i], magic));
  polynomial(d, x, q, 0.055505085251969627, 0.24023355156988721, 0.69314718055994531);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) {
    // The look-up heeds the low four bits alone, so that the others need not be masked.
    const hn::Indices512<uint32_t> low{hn::BitCast(bits, t[i]).raw};
    const V T = hn::BitCast(
        d, hn::Add(hn::TableLookupLanes(table, low), hn::ShiftLeft<19>(hn::BitCast(bits, t[i]))));
    x[i] = hn::MulAdd(T, hn::Mul(x[i], q[i]), T);
  }
}
#else
/// x <- 2^x, for kCount vectors, -125 <= x <= 0, to 3 ulp: x = k + f with |f| <= 1/2, and 2^f by a
/// polynomial to whose exponent k is added.
template <int kCount, class D, class V>
HWY_INLINE void powers_by_polynomial(D d, V (&x)[kCount]) {
  const hn::RebindToUnsigned<D> bits;
  const V magic = hn::Set(d, 0x1.8p23f);  // adding it rounds to an integer, in the low bits
  V t[kCount], p[kCount];
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) t[i] = hn::Add(x[i], magic);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) x[i] = hn::Sub(x[i], hn::Sub(t[i], magic));
  polynomial(d, x, p, 0.0013381302537320678, 0.009666368515385328, 0.055503810137964578,
             0.24022349038020363, 0.69314718055994529, 1.0);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i)
    x[i] = hn::BitCast(
        d, hn::Add(hn::BitCast(bits, p[i]), hn::ShiftLeft<23>(hn::BitCast(bits, t[i]))));
}
#endif

/// x <- 2^x for x <= 0, exactly 1 at 0: the decay of a step, for kCount states side by side, so that
/// their chains of dependent instructions overlap. In f32 it takes fewer instructions than
/// math::exp2_nonpositive and gives about 2^-125 for all that is smaller.
template <int kCount, class D, class V>
HWY_INLINE void decays_of(D d, V (&x)[kCount]) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    for (int i = 0; i < kCount; ++i) x[i] = math::exp2_nonpositive(d, x[i]);
  } else {
    const V least = hn::Set(d, -125.f);
    HWY_UNROLL(8)
    for (int i = 0; i < kCount; ++i) x[i] = hn::Max(least, x[i]);
#if HWY_TARGET <= HWY_AVX3
    powers_by_table(d, x);
#else
    powers_by_polynomial(d, x);
#endif
  }
}

/// dt = softplus(v) = max(v, 0) + log(1 + e^-|v|), v itself above 20, and its slope.
///
/// With e = e^-|v| and s = e / (2 + e) <= 1/3, log(1 + e) = 2 artanh(s) = s (2 + s^2 R(s^2)): the
/// relative error is a few ulp however negative v is.
template <class D>
struct StepSize {
  hn::Vec<D> dt, slope;

  HWY_INLINE StepSize(D d, hn::Vec<D> v) {
    using T = hn::TFromD<D>;
    const auto one = hn::Set(d, T{1}), two = hn::Set(d, T{2}), zero = hn::Zero(d);
    const auto e = math::exp(d, hn::Neg(hn::Abs(v)));
    const auto s = hn::Div(e, hn::Add(two, e));
    const hn::Vec<D> z[1] = {hn::Mul(s, s)};
    hn::Vec<D> R[1];
    if constexpr (sizeof(T) == 4) {
      polynomial(d, z, R, 0.26851498023071202, 0.28236619805271257, 0.40007560644912732,
                 0.66666640336699234);
    } else {
      polynomial(d, z, R, 0.1616404561179606, 0.088007384862230392, 0.12001072809573206,
                 0.13314144209657067, 0.1538557006495847, 0.18181789436132864, 0.22222222717427864,
                 0.28571428567108759, 0.40000000000014585, 0.66666666666666663);
    }
    const auto linear = hn::Gt(v, hn::Set(d, T{20}));
    const auto log1p = hn::Mul(s, hn::MulAdd(z[0], R[0], two));
    dt = hn::IfThenElse(linear, v, hn::Add(hn::Max(zero, v), log1p));
    slope = hn::Div(hn::IfThenElse(hn::Lt(v, zero), e, one), hn::Add(one, e));
    slope = hn::IfThenElse(linear, one, slope);
  }
};

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
