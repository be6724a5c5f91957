// Complex numbers in the lanes of vectors: the real parts in one, the imaginary parts in another.
//
//   #include "kernels/complex_vector-inl.h"          after hwy/foreach_target.h

#if defined(LW_KERNELS_COMPLEX_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_COMPLEX_VECTOR_INL_H_
#undef LW_KERNELS_COMPLEX_VECTOR_INL_H_
#else
#define LW_KERNELS_COMPLEX_VECTOR_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// A complex number in each lane.
template <class D>
struct Complex {
  hn::Vec<D> re, im;

  friend HWY_INLINE Complex operator+(const Complex& a, const Complex& b) {
    return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)};
  }
  friend HWY_INLINE Complex operator-(const Complex& a, const Complex& b) {
    return {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)};
  }
  friend HWY_INLINE Complex operator*(const Complex& a, const Complex& b) {
    return {hn::NegMulAdd(a.im, b.im, hn::Mul(a.re, b.re)),
            hn::MulAdd(a.im, b.re, hn::Mul(a.re, b.im))};
  }
};

template <class D>
HWY_INLINE Complex<D> zero_complex(D d) {
  return {hn::Zero(d), hn::Zero(d)};
}
/// The real lanes at p, then the imaginary ones.
template <class D>
HWY_INLINE Complex<D> load_complex(D d, const hn::TFromD<D>* p) {
  return {hn::LoadU(d, p), hn::LoadU(d, p + hn::Lanes(d))};
}
template <class D>
HWY_INLINE void store_complex(D d, const Complex<D>& z, hn::TFromD<D>* p) {
  hn::StoreU(z.re, d, p);
  hn::StoreU(z.im, d, p + hn::Lanes(d));
}

/// conj(a) b
template <class D>
HWY_INLINE Complex<D> conj_times(const Complex<D>& a, const Complex<D>& b) {
  return {hn::MulAdd(a.im, b.im, hn::Mul(a.re, b.re)),
          hn::NegMulAdd(a.im, b.re, hn::Mul(a.re, b.im))};
}
/// a + b c
template <class D>
HWY_INLINE Complex<D> add_product(const Complex<D>& a, const Complex<D>& b, const Complex<D>& c) {
  return {hn::MulAdd(b.re, c.re, hn::NegMulAdd(b.im, c.im, a.re)),
          hn::MulAdd(b.re, c.im, hn::MulAdd(b.im, c.re, a.im))};
}
/// a + conj(b) c
template <class D>
HWY_INLINE Complex<D> add_conj_product(const Complex<D>& a, const Complex<D>& b,
                                       const Complex<D>& c) {
  return {hn::MulAdd(b.re, c.re, hn::MulAdd(b.im, c.im, a.re)),
          hn::MulAdd(b.re, c.im, hn::NegMulAdd(b.im, c.re, a.im))};
}
/// s + Re(conj(b) c)
template <class D>
HWY_INLINE hn::Vec<D> add_real_product(hn::Vec<D> s, const Complex<D>& b, const Complex<D>& c) {
  return hn::MulAdd(b.re, c.re, hn::MulAdd(b.im, c.im, s));
}

/// a + s b with a real s
template <class D>
HWY_INLINE Complex<D> add_scaled(const Complex<D>& a, hn::Vec<D> s, const Complex<D>& b) {
  return {hn::MulAdd(s, b.re, a.re), hn::MulAdd(s, b.im, a.im)};
}
/// a - s b with a real s
template <class D>
HWY_INLINE Complex<D> subtract_scaled(const Complex<D>& a, hn::Vec<D> s, const Complex<D>& b) {
  return {hn::NegMulAdd(s, b.re, a.re), hn::NegMulAdd(s, b.im, a.im)};
}
/// s z with a real s
template <class D>
HWY_INLINE Complex<D> scaled(hn::Vec<D> s, const Complex<D>& z) {
  return {hn::Mul(s, z.re), hn::Mul(s, z.im)};
}
/// 1 / z
template <class D>
HWY_INLINE Complex<D> reciprocal(D d, const Complex<D>& z) {
  const auto norm = hn::MulAdd(z.re, z.re, hn::Mul(z.im, z.im));
  const auto inverse = hn::Div(hn::Set(d, hn::TFromD<D>{1}), norm);
  return {hn::Mul(z.re, inverse), hn::Neg(hn::Mul(z.im, inverse))};
}

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
