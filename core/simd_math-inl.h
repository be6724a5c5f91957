// Mathematical functions of whole vectors, f32 and f64, for files compiled once per Highway target.
//
//   #include "core/simd_math-inl.h"                  after hwy/foreach_target.h
//   namespace math = lw::simd::HWY_NAMESPACE;        inside HWY_BEFORE_NAMESPACE()
//   const auto y = math::exp(d, x);                  d: any float or double tag
//
// Error, in units in the last place, and cost, in instructions of an f32 vector (about):
//
//   exp      1.4 ulp   14      exp2_nonpositive   1 ulp   11      expm1      2 ulp   19
//   log        1 ulp   25      log1p              2 ulp   31      erf      2.5 ulp   33
//   sigmoid    2 ulp   17      tanh               4 ulp   25      sin, cos   3 ulp, |x| <= 39000
//
// one more where the processor has no fused multiply-add. NaN gives NaN, infinities give limits.
// Results of the exponentials below the smallest normal number, by a factor of up to 1.42 above
// it, are flushed to zero. Deterministic: each lane depends on its own input alone.
//
// Method: an argument is reduced to a short interval about zero, where a polynomial that
// interpolates the function at Chebyshev nodes holds it to less than a tenth of an ulp.

#if defined(LW_CORE_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_CORE_SIMD_MATH_INL_H_
#undef LW_CORE_SIMD_MATH_INL_H_
#else
#define LW_CORE_SIMD_MATH_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <limits>

HWY_BEFORE_NAMESPACE();
namespace lw::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
using Vec = hn::Vec<D>;

namespace detail {

/// The layout of a float or double, and ln 2 in two parts: ln2_high times an exponent is exact.
template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr int32_t exponent_bias = 127;
  static constexpr float integer = 0x1.8p23f;  // adding it rounds to an integer, in the low bits
  static constexpr float ln2_high = 0x1.63p-1f, ln2_low = -0x1.bd0106p-13f;
  static constexpr float exp_low = -87.5f, exp_high = 89.f;  // exp is 0 below, infinite above
};
template <>
struct Format<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr int64_t exponent_bias = 1023;
  static constexpr double integer = 0x1.8p52;
  static constexpr double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double exp_low = -708.6, exp_high = 710.;
};

/// max(x, bound) and min(x, bound) that let NaN through. Vector instructions do so when x is the
/// second argument; only the scalar target compares.
template <class D>
HWY_INLINE Vec<D> at_least(D d, hn::TFromD<D> bound, Vec<D> x) {
  const auto b = hn::Set(d, bound);
  return HWY_TARGET == HWY_SCALAR ? hn::IfThenElse(hn::Lt(x, b), b, x) : hn::Max(b, x);
}
template <class D>
HWY_INLINE Vec<D> at_most(D d, hn::TFromD<D> bound, Vec<D> x) {
  const auto b = hn::Set(d, bound);
  return HWY_TARGET == HWY_SCALAR ? hn::IfThenElse(hn::Gt(x, b), b, x) : hn::Min(b, x);
}

/// c[0] x^n + ... + c[n]
template <class D, class... Rest>
HWY_INLINE Vec<D> polynomial(D d, Vec<D> x, double first, Rest... rest) {
  using T = hn::TFromD<D>;
  Vec<D> p = hn::Set(d, static_cast<T>(first));
  ((p = hn::MulAdd(p, x, hn::Set(d, static_cast<T>(rest)))), ...);
  return p;
}

/// The power of two whose biased exponent stands in the low bits of t; a biased exponent of zero
/// gives zero.
template <class D>
HWY_INLINE Vec<D> power_of_two(D d, Vec<D> t) {
  using F = Format<hn::TFromD<D>>;
  return hn::BitCast(d, hn::ShiftLeft<F::mantissa_bits>(hn::BitCast(hn::RebindToUnsigned<D>(), t)));
}

/// x = k ln 2 + r with an integer k and |r| <= ln(2) / 2.
template <class D>
struct Reduced {
  Vec<D> half_scale;  // 2^(k-1): unlike 2^k it never overflows
  Vec<D> r;
};
template <class D>
HWY_INLINE Reduced<D> reduce(D d, Vec<D> x) {
  using T = hn::TFromD<D>;
  using F = Format<T>;
  x = at_most(d, F::exp_high, at_least(d, F::exp_low, x));
  const auto magic = hn::Set(d, F::integer + static_cast<T>(F::exponent_bias - 1));
  const auto t = hn::MulAdd(x, hn::Set(d, static_cast<T>(1.4426950408889634)), magic);
  const auto k = hn::Sub(t, magic);
  const auto r = hn::NegMulAdd(k, hn::Set(d, F::ln2_high), x);
  return {power_of_two(d, t), hn::NegMulAdd(k, hn::Set(d, F::ln2_low), r)};
}

/// e^r - 1 = r + r^2 q(r) for |r| <= ln(2) / 2.
template <class D>
HWY_INLINE Vec<D> expm1_reduced(D d, Vec<D> r) {
  Vec<D> q;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    q = polynomial(d, r, 0.00019890980869750327, 0.0013933641031986701, 0.008333310934448869,
                   0.04166646500604005, 0.16666666681614256, 0.5);
  } else {
    q = polynomial(d, r, 2.0914679376583935e-09, 2.5105206373957011e-08, 2.7557273661348637e-07,
                   2.7557255425746435e-06, 2.4801587325533363e-05, 0.00019841269874800493,
                   0.0013888888888883752, 0.0083333333333261411, 0.041666666666666671,
                   0.16666666666666671, 0.5);
  }
  return hn::MulAdd(hn::Mul(r, r), q, r);
}

/// log(x) + exponent ln 2 + c for positive, finite, normal x and a small correction c.
///
/// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), and with s = f / (2 + f), z = s^2
///     log(1 + f) = 2 artanh(s) = f - f^2/2 + s (f^2/2 + z R(z)).
template <class D>
HWY_INLINE Vec<D> log_scaled(D d, Vec<D> x, Vec<D> exponent, Vec<D> c) {
  using T = hn::TFromD<D>;
  using F = Format<T>;
  const hn::RebindToSigned<D> di;
  const auto root = hn::BitCast(di, hn::Set(d, static_cast<T>(0.7071067811865476)));
  const auto bits = hn::BitCast(di, x);
  const auto e_bits = hn::ShiftRight<F::mantissa_bits>(hn::Sub(bits, root));
  const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<F::mantissa_bits>(e_bits)));
  const auto integer = hn::Set(d, F::integer);
  const auto e = hn::Add(
      exponent, hn::Sub(hn::BitCast(d, hn::Add(e_bits, hn::BitCast(di, integer))), integer));

  const auto f = hn::Sub(m, hn::Set(d, T{1}));
  const auto s = hn::Div(f, hn::Add(f, hn::Set(d, T{2})));
  const auto z = hn::Mul(s, s);
  Vec<D> R;
  if constexpr (sizeof(T) == 4) {
    R = polynomial(d, z, 0.23330467216303835, 0.28550820815960665, 0.40000121839806124,
                   0.66666666554497089);
  } else {
    R = polynomial(d, z, 0.13086626147840102, 0.13268773138656886, 0.15386239702814658,
                   0.18181795640132906, 0.22222222391713917, 0.28571428570803614,
                   0.40000000000000879, 0.66666666666666663);
  }
  const auto half_square = hn::Mul(hn::Mul(f, f), hn::Set(d, static_cast<T>(0.5)));
  auto tail = hn::MulAdd(e, hn::Set(d, F::ln2_low), c);
  tail = hn::MulAdd(s, hn::MulAdd(z, R, half_square), tail);
  return hn::MulAdd(e, hn::Set(d, F::ln2_high), hn::Sub(f, hn::Sub(half_square, tail)));
}

/// `y` where x is positive and finite; else the limit of the logarithm: -inf, inf or NaN.
template <class D>
HWY_INLINE Vec<D> log_limits(D d, Vec<D> x, Vec<D> y) {
  using T = hn::TFromD<D>;
  const auto inf = hn::Set(d, std::numeric_limits<T>::infinity());
  const auto nan = hn::Set(d, std::numeric_limits<T>::quiet_NaN());
  const auto zero = hn::Zero(d);
  y = hn::IfThenElse(hn::Lt(x, inf), y, x);
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(inf), y);
  return hn::IfThenElse(hn::Lt(x, zero), nan, y);
}

}  // namespace detail

/// e^x
template <class D>
HWY_INLINE Vec<D> exp(D d, Vec<D> x) {
  const auto [half_scale, r] = detail::reduce(d, x);
  const auto half =
      hn::Mul(hn::Add(detail::expm1_reduced(d, r), hn::Set(d, hn::TFromD<D>{1})), half_scale);
  return hn::Add(half, half);
}

/// 2^x for x <= 0, the decay of a recurrence: exactly 1 at 0, and as near to 1 as rounding allows
/// for small x; 0 from -127 (f32) or -1023 (f64) down. For x in (0, 1) correct too.
template <class D>
HWY_INLINE Vec<D> exp2_nonpositive(D d, Vec<D> x) {
  using T = hn::TFromD<D>;
  using F = detail::Format<T>;
  x = detail::at_least(d, static_cast<T>(-F::exponent_bias), x);
  const auto magic = hn::Set(d, F::integer + static_cast<T>(F::exponent_bias));
  const auto t = hn::Add(x, magic);
  const auto f = hn::Sub(x, hn::Sub(t, magic));
  Vec<D> p;
  if constexpr (sizeof(T) == 4) {
    p = detail::polynomial(d, f, 0.00015453162945120691, 0.0013390863364671234,
                           0.0096180825572778524, 0.055503571142190782, 0.24022650760568126,
                           0.69314718802622877, 1);
  } else {
    p = detail::polynomial(d, f, 2.5729324177362305e-11, 4.4558179083360645e-10,
                           7.0548973041554995e-09, 1.0178057087733941e-07, 1.3215486808705563e-06,
                           1.5252733841556773e-05, 0.00015403530393370734, 0.0013333558146406471,
                           0.0096181291076284803, 0.055504108664821625, 0.24022650695910072,
                           0.69314718055994529, 1);
  }
  return hn::Mul(p, detail::power_of_two(d, t));
}

/// e^x - 1, accurate near 0.
template <class D>
HWY_INLINE Vec<D> expm1(D d, Vec<D> x) {
  const auto [half_scale, r] = detail::reduce(d, x);
  const auto minus_half = hn::Set(d, static_cast<hn::TFromD<D>>(-0.5));
  const auto half =
      hn::MulAdd(half_scale, detail::expm1_reduced(d, r), hn::Add(half_scale, minus_half));
  return hn::Add(half, half);
}

/// The natural logarithm; subnormal x included.
template <class D>
HWY_INLINE Vec<D> log(D d, Vec<D> x) {
  using T = hn::TFromD<D>;
  constexpr int shift = detail::Format<T>::mantissa_bits + 1;
  constexpr T scale = static_cast<T>(int64_t{1} << shift);
  const auto tiny = hn::Lt(x, hn::Set(d, std::numeric_limits<T>::min()));
  const auto normal = hn::IfThenElse(tiny, hn::Mul(x, hn::Set(d, scale)), x);
  const auto exponent = hn::IfThenElseZero(tiny, hn::Set(d, static_cast<T>(-shift)));
  return detail::log_limits(d, x, detail::log_scaled(d, normal, exponent, hn::Zero(d)));
}

/// log(1 + x), accurate near 0. What rounding takes from 1 + x is put back to first order.
template <class D>
HWY_INLINE Vec<D> log1p(D d, Vec<D> x) {
  using T = hn::TFromD<D>;
  const auto one = hn::Set(d, T{1});
  const auto u = hn::Add(x, one);
  const auto lost = hn::Div(hn::Sub(x, hn::Sub(u, one)), u);
  const auto y = detail::log_limits(d, u, detail::log_scaled(d, u, hn::Zero(d), lost));
  const auto tiny = hn::Lt(hn::Abs(x), hn::Set(d, std::numeric_limits<T>::epsilon() / 4));
  return hn::IfThenElse(tiny, x, y);
}

/// 1 / (1 + e^-x)
template <class D>
HWY_INLINE Vec<D> sigmoid(D d, Vec<D> x) {
  const auto one = hn::Set(d, hn::TFromD<D>{1});
  return hn::Div(one, hn::Add(one, exp(d, hn::Neg(x))));
}

template <class D>
HWY_INLINE Vec<D> tanh(D d, Vec<D> x) {
  using T = hn::TFromD<D>;
  const auto magnitude = detail::at_most(d, T{20}, hn::Abs(x));  // tanh(20) rounds to 1
  const auto e = expm1(d, hn::Add(magnitude, magnitude));
  return hn::CopySignToAbs(hn::Div(e, hn::Add(e, hn::Set(d, T{2}))), x);
}

/// The error function: x times a polynomial in x^2 up to |x| = 1, and beyond 1 - 2^p(|x|), where
/// p interpolates log2 erfc in powers of |x| - 1.
template <class D>
HWY_INLINE Vec<D> erf(D d, Vec<D> x) {
  using T = hn::TFromD<D>;
  const auto one = hn::Set(d, T{1});
  const auto magnitude = hn::Abs(x);
  const auto z = hn::Mul(x, x);
  Vec<D> inner, log2_erfc;
  if constexpr (sizeof(T) == 4) {
    inner = detail::polynomial(d, z, 7.8758750626854883e-05, -0.00080168642871658699,
                               0.0051890874234339739, -0.026854212010626412, 0.11283594715160218,
                               -0.37612626666720334, 1.1283791658483509);
    const auto a = hn::Sub(detail::at_most(d, 4.f, magnitude), one);
    log2_erfc = detail::polynomial(
        d, a, -1.0939497674360809e-07, 3.8076230957534682e-06, -5.5478321362855441e-05,
        0.00048530230717288425, -0.0030033045520729924, 0.014578231867264256, -0.060002346375895792,
        -1.2163374140242948, -3.8072261544268668, -2.6684166847466462);
  } else {
    inner = detail::polynomial(
        d, z, 5.9571761477489113e-11, -1.1372848856791674e-09, 1.4659775274047436e-08,
        -1.6350312701054695e-07, 1.6461000484121368e-06, -1.4925595266831182e-05,
        0.0001205533111164271, -0.000854832698083379, 0.0052239776248180145, -0.026866170645076792,
        0.11283791670954879, -0.37612638903183748, 1.1283791670955126);
    const auto a = hn::Sub(detail::at_most(d, 6., magnitude), one);
    log2_erfc = detail::polynomial(
        d, a, 9.125797184385206e-19, -6.2105714835634539e-17, 2.0083540152156024e-15,
        -4.1085252377563838e-14, 5.9717010791278159e-13, -6.5650317255526973e-12,
        5.6711919137418462e-11, -3.9438100218157647e-10, 2.2388899064152951e-09,
        -1.0412315560753071e-08, 3.9166438971579159e-08, -1.1320083995291375e-07,
        2.0418420874182543e-07, 1.2474222786788867e-07, -2.8914605096304419e-06,
        1.3802517730249623e-05, -3.9148264660146038e-05, 3.7896699740377177e-05,
        0.00034238828031406916, -0.0028535111360115792, 0.014475750236088882, -0.059959990049741035,
        -1.216346657685659, -3.8072253458536136, -2.6684166967815997);
  }
  const auto outer = hn::Sub(one, exp2_nonpositive(d, log2_erfc));
  return hn::IfThenElse(hn::Gt(magnitude, one), hn::CopySignToAbs(outer, x), hn::Mul(x, inner));
}

/// sin and cos, for |x| <= 39000.
template <class D>
HWY_INLINE Vec<D> sin(D d, Vec<D> x) {
  return hn::Sin(d, x);
}
template <class D>
HWY_INLINE Vec<D> cos(D d, Vec<D> x) {
  return hn::Cos(d, x);
}

}  // namespace lw::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
