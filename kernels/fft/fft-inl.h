// Fourier transforms of one vector of channels: the parts that convolutions are built from.
//
//   #include "kernels/fft/fft-inl.h"                 after hwy/foreach_target.h
//
//   Points<D> x{d, memory};                          n complex vectors, transformed in place
//   fft_forward(plan, source, x);                    x = FFT(source), frequencies out of order
//   fft_inverse(plan, x, sink);                      sink = n IFFT(x), from that order
//   fft_around(plan, source, x, middle, sink);       both; middle(first, count) in between
//
// A source has load(t) and a sink store(t, z), t = 0 .. n-1: the first pass reads the input and the
// last writes the output, and no pass only copies. middle(first, count) works on the positions
// [first, first + count) of the spectrum (plan.frequency says which frequency each is); it is
// called on blocks that still are in the cache. README.md says why this order.
//
// Vectors are kept in arrays, which targets with vectors of unknown size do not allow.

#if defined(LW_KERNELS_FFT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_FFT_INL_H_
#undef LW_KERNELS_FFT_INL_H_
#else
#define LW_KERNELS_FFT_INL_H_
#endif

#include <hwy/highway.h>

#include <type_traits>

#include "kernels/complex_vector-inl.h"
#include "kernels/fft/fft_plan.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// a - i b, or a + i b where kPlus
template <bool kPlus, class D>
HWY_INLINE Complex<D> add_turned(const Complex<D>& a, const Complex<D>& b) {
  if constexpr (kPlus) return {hn::Sub(a.re, b.im), hn::Add(a.im, b.re)};
  return {hn::Add(a.re, b.im), hn::Sub(a.im, b.re)};
}

/// Complex vectors one after another: the real lanes, then the imaginary ones.
template <class D>
struct Points {
  D d;
  hn::TFromD<D>* data;  // aligned to a vector

  HWY_INLINE hn::TFromD<D>* at(int64_t i) const {
    return data + i * 2 * static_cast<int64_t>(hn::Lanes(d));
  }
  HWY_INLINE Complex<D> load(int64_t i) const {
    return {hn::Load(d, at(i)), hn::Load(d, at(i) + hn::Lanes(d))};
  }
  HWY_INLINE void store(int64_t i, const Complex<D>& z) const {
    hn::Store(z.re, d, at(i));
    hn::Store(z.im, d, at(i) + hn::Lanes(d));
  }
};

/// a_p <- sum_q a_q e^{-+ 2 pi i p q / R}: minus forward, plus inverse.
template <int R, bool kInverse, class D>
HWY_INLINE void butterfly(D d, Complex<D> (&a)[R]) {
  using T = hn::TFromD<D>;
  using C = Complex<D>;
  if constexpr (R == 2) {
    const C sum = a[0] + a[1];
    a[1] = a[0] - a[1];
    a[0] = sum;
  } else if constexpr (R == 3) {
    const auto half = hn::Set(d, static_cast<T>(0.5));
    const auto sine = hn::Set(d, static_cast<T>(0.86602540378443864676));  // sin 60
    const C sum = a[1] + a[2], difference = a[1] - a[2];
    const C turned{hn::Mul(sine, difference.re), hn::Mul(sine, difference.im)};
    const C middle = subtract_scaled(a[0], half, sum);
    a[0] = a[0] + sum;
    a[1] = add_turned<kInverse>(middle, turned);
    a[2] = add_turned<!kInverse>(middle, turned);
  } else if constexpr (R == 4) {
    const C even = a[0] + a[2], even_odd = a[0] - a[2];
    const C odd = a[1] + a[3], odd_odd = a[1] - a[3];
    a[0] = even + odd;
    a[1] = add_turned<kInverse>(even_odd, odd_odd);
    a[2] = even - odd;
    a[3] = add_turned<!kInverse>(even_odd, odd_odd);
  } else if constexpr (R == 5) {
    const auto cos1 = hn::Set(d, static_cast<T>(0.30901699437494742410));   // cos 72
    const auto cos2 = hn::Set(d, static_cast<T>(-0.80901699437494742410));  // cos 144
    const auto sin1 = hn::Set(d, static_cast<T>(0.95105651629515357212));   // sin 72
    const auto sin2 = hn::Set(d, static_cast<T>(0.58778525229247312917));   // sin 144
    const C zero{hn::Zero(d), hn::Zero(d)};
    const C outer = a[1] + a[4], outer_difference = a[1] - a[4];
    const C inner = a[2] + a[3], inner_difference = a[2] - a[3];
    const C even1 = add_scaled(add_scaled(a[0], cos1, outer), cos2, inner);
    const C even2 = add_scaled(add_scaled(a[0], cos2, outer), cos1, inner);
    const C odd1 = add_scaled(add_scaled(zero, sin1, outer_difference), sin2, inner_difference);
    const C odd2 =
        subtract_scaled(add_scaled(zero, sin2, outer_difference), sin1, inner_difference);
    a[0] = a[0] + outer + inner;
    a[1] = add_turned<kInverse>(even1, odd1);
    a[2] = add_turned<kInverse>(even2, odd2);
    a[3] = add_turned<!kInverse>(even2, odd2);
    a[4] = add_turned<!kInverse>(even1, odd1);
  } else if constexpr (R == 8) {
    C even[4] = {a[0], a[2], a[4], a[6]}, odd[4] = {a[1], a[3], a[5], a[7]};
    butterfly<4, kInverse>(d, even);
    butterfly<4, kInverse>(d, odd);
    const auto root = hn::Set(d, static_cast<T>(0.70710678118654752440));  // sqrt(1/2)
    const C odd1 = add_turned<kInverse>(odd[1], odd[1]);                   // sqrt(2) e^{-+ i pi/4}
    const C odd3 = add_turned<kInverse>(odd[3], odd[3]);
    const C turned3{hn::Mul(root, odd3.re), hn::Mul(root, odd3.im)};
    a[0] = even[0] + odd[0];
    a[1] = add_scaled(even[1], root, odd1);
    a[2] = add_turned<kInverse>(even[2], odd[2]);
    a[3] = add_turned<kInverse>(even[3], turned3);
    a[4] = even[0] - odd[0];
    a[5] = subtract_scaled(even[1], root, odd1);
    a[6] = add_turned<!kInverse>(even[2], odd[2]);
    a[7] = add_turned<!kInverse>(even[3], turned3);
  }
}

/// One pass over `count` adjacent blocks. The twiddles of a column serve all of them. Source and
/// sink come by value: no vector store can alias a copy, so their members stay in registers.
template <int R, bool kInverse, bool kTwiddle, class D, class In, class Out>
void radix_pass(D d, const typename FftPlan<hn::TFromD<D>>::Stage& stage, int64_t count,
                const In in, const Out out) {
  const int64_t n = stage.n, columns = n / R;
  const auto* twiddles = stage.twiddles;
  for (int64_t j = 0; j < columns; ++j, twiddles += 2 * (R - 1)) {
    Complex<D> w[R];  // w[0] stays unused
    if constexpr (kTwiddle)
      for (int q = 1; q < R; ++q)
        w[q] = {hn::Set(d, twiddles[2 * q - 2]), hn::Set(d, twiddles[2 * q - 1])};
    for (int64_t block = 0, first = j; block < count; ++block, first += n) {
      Complex<D> a[R];
      for (int q = 0; q < R; ++q) a[q] = in.load(first + q * columns);
      if constexpr (kTwiddle && kInverse)
        for (int q = 1; q < R; ++q) a[q] = conj_times(w[q], a[q]);
      butterfly<R, kInverse>(d, a);
      if constexpr (kTwiddle && !kInverse)
        for (int q = 1; q < R; ++q) a[q] = a[q] * w[q];
      for (int q = 0; q < R; ++q) out.store(first + q * columns, a[q]);
    }
  }
}

template <bool kInverse, class D, class In, class Out>
void fft_pass(D d, const typename FftPlan<hn::TFromD<D>>::Stage& stage, int64_t count, const In& in,
              const Out& out) {
  const auto run = [&](auto radix) {
    constexpr int R = radix();
    return stage.n > R ? radix_pass<R, kInverse, true>(d, stage, count, in, out)
                       : radix_pass<R, kInverse, false>(d, stage, count, in, out);
  };
  switch (stage.radix) {
    case 8:
      return run(std::integral_constant<int, 8>());
    case 5:
      return run(std::integral_constant<int, 5>());
    case 4:
      return run(std::integral_constant<int, 4>());
    case 3:
      return run(std::integral_constant<int, 3>());
    case 2:
      return run(std::integral_constant<int, 2>());
    default:
      return radix_pass<1, kInverse, false>(d, stage, count, in, out);
  }
}

/// The stages from `stage` on, for `count` adjacent blocks starting at point `first`. Blocks that
/// together exceed the first-level cache are finished one by one.
template <bool kForward, bool kInverse, class D, class Middle>
void fft_blocks(const FftPlan<hn::TFromD<D>>& plan, size_t stage, const Points<D>& x, int64_t first,
                int64_t count, const Middle& middle) {
  constexpr int64_t cache_bytes = 24 << 10;
  const auto& s = plan.stages[stage];
  const int64_t point_bytes = 2 * static_cast<int64_t>(hn::Lanes(x.d) * sizeof(*x.data));
  if (count > 1 && count * s.n * point_bytes > cache_bytes) {
    for (int64_t i = 0; i < count; ++i)
      fft_blocks<kForward, kInverse>(plan, stage, x, first + i * s.n, 1, middle);
    return;
  }
  const Points<D> here{x.d, x.at(first)};
  if constexpr (kForward) fft_pass<false>(x.d, s, count, here, here);
  if (stage + 1 < plan.stages.size()) {
    fft_blocks<kForward, kInverse>(plan, stage + 1, x, first, count * s.radix, middle);
  } else {
    middle(first, count * s.n);
  }
  if constexpr (kInverse) fft_pass<true>(x.d, s, count, here, here);
}

template <bool kForward, bool kInverse, class D, class Source, class Middle, class Sink>
void fft_stages(const FftPlan<hn::TFromD<D>>& plan, const Source& source, const Points<D>& x,
                const Middle& middle, const Sink& sink) {
  if constexpr (kForward) fft_pass<false>(x.d, plan.stages[0], 1, source, x);
  if (plan.stages.size() > 1) {
    fft_blocks<kForward, kInverse>(plan, 1, x, 0, plan.stages[0].radix, middle);
  } else {
    middle(0, plan.n);
  }
  if constexpr (kInverse) fft_pass<true>(x.d, plan.stages[0], 1, x, sink);
}

struct NoMiddle {
  void operator()(int64_t, int64_t) const {}
};

template <class D, class Source>
void fft_forward(const FftPlan<hn::TFromD<D>>& plan, const Source& source, const Points<D>& x) {
  fft_stages<true, false>(plan, source, x, NoMiddle(), x);
}
template <class D, class Sink>
void fft_inverse(const FftPlan<hn::TFromD<D>>& plan, const Points<D>& x, const Sink& sink) {
  fft_stages<false, true>(plan, x, x, NoMiddle(), sink);
}
template <class D, class Source, class Middle, class Sink>
void fft_around(const FftPlan<hn::TFromD<D>>& plan, const Source& source, const Points<D>& x,
                const Middle& middle, const Sink& sink) {
  fft_stages<true, true>(plan, source, x, middle, sink);
}

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
