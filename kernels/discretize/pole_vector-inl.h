// The functions of poles that sampling a diagonal model takes (pole.h), a pole in each lane.
//
//   #include "kernels/discretize/pole_vector-inl.h"  after hwy/foreach_target.h

#if defined(LW_KERNELS_POLE_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_POLE_VECTOR_INL_H_
#undef LW_KERNELS_POLE_VECTOR_INL_H_
#else
#define LW_KERNELS_POLE_VECTOR_INL_H_
#endif

#include <hwy/highway.h>

#include "core/simd_math-inl.h"
#include "kernels/complex_vector-inl.h"
#include "kernels/discretize/discretize.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

/// p(z) and f(z) of the table in discretize.h, and their derivatives.
template <class D>
struct Poles {
  Complex<D> p, dp, f, df;
};

/// f = (e^z - 1) / z and its derivative (e^z - f) / z, given p = e^z; near 0, where both cancel, the
/// power series sum z^k / (k+1)!.
template <class D>
HWY_INLINE void zero_order_hold(D d, const Complex<D>& z, Poles<D>& poles) {
  using T = hn::TFromD<D>;
  const auto one = hn::Set(d, T{1});
  const auto norm = hn::MulAdd(z.re, z.re, hn::Mul(z.im, z.im));
  const auto far = hn::Gt(norm, hn::Set(d, T{0.25}));
  const Complex<D> inverse = reciprocal(d, z);
  poles.f = Complex<D>{hn::Sub(poles.p.re, one), poles.p.im} * inverse;
  poles.df = (poles.p - poles.f) * inverse;
  if (hn::AllTrue(d, far)) return;
  constexpr int terms = sizeof(T) == 4 ? 8 : 16;
  Complex<D> f = zero_complex(d), df = f;
  for (int k = terms; k > 0; --k) {  // Horner's rule on f = 1 + z/2 (1 + z/3 (1 + ...))
    const Complex<D> inner{hn::Add(one, f.re), f.im};
    const auto scale = hn::Set(d, static_cast<T>(1. / (k + 1)));
    df = scaled(scale, add_product(inner, z, df));
    f = scaled(scale, z * inner);
  }
  poles.f = {hn::IfThenElse(far, poles.f.re, hn::Add(one, f.re)),
             hn::IfThenElse(far, poles.f.im, f.im)};
  poles.df = {hn::IfThenElse(far, poles.df.re, df.re), hn::IfThenElse(far, poles.df.im, df.im)};
}

template <class D>
HWY_INLINE Poles<D> discrete_poles(D d, Discretization method, const Complex<D>& z) {
  using T = hn::TFromD<D>;
  const Complex<D> one{hn::Set(d, T{1}), hn::Zero(d)}, zero = zero_complex(d);
  switch (method) {
    case Discretization::bilinear: {
      const auto half = hn::Set(d, T{0.5});
      const Complex<D> f = reciprocal(d, subtract_scaled(one, half, z)), square = f * f;
      return {add_scaled(one, half, z) * f, square, f, scaled(half, square)};
    }
    case Discretization::forward_euler:
      return {one + z, one, one, zero};
    case Discretization::backward_euler: {
      const Complex<D> f = reciprocal(d, one - z), square = f * f;
      return {f, square, f, square};
    }
    default: {
      const auto size = simd::HWY_NAMESPACE::exp(d, z.re);
      const Complex<D> p{hn::Mul(size, simd::HWY_NAMESPACE::cos(d, z.im)),
                         hn::Mul(size, simd::HWY_NAMESPACE::sin(d, z.im))};
      Poles<D> poles{p, p, one, zero};
      if (method == Discretization::zoh) zero_order_hold(d, z, poles);
      return poles;
    }
  }
}

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
