// One step of diagonal_scan, forward and back, for one element of the state of a vector of channels: the
// same at all times, or sampled anew at each. The notation is that of README.md. Internal.
//
//   #include "kernels/diagonal_scan/diagonal_step-inl.h"    after hwy/foreach_target.h

#if defined(LW_KERNELS_DIAGONAL_STEP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_DIAGONAL_STEP_INL_H_
#undef LW_KERNELS_DIAGONAL_STEP_INL_H_
#else
#define LW_KERNELS_DIAGONAL_STEP_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/discretize/pole_vector-inl.h"
#include "kernels/recurrence-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

/// The sums over time for A and B.
template <class D>
struct StepGradients {
  Complex<D> A, B;
};

/// x_t = A x_{t-1} + B u_t
template <class T>
class RegularStep {
 public:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  struct Times {
    explicit Times(const DiagonalScan&) {}
  };

  RegularStep(const Times&, int64_t, const Complex<D>& A, const Complex<D>& B) : A_(A), B_(B) {}

  HWY_INLINE Complex<D> advance(V u, const Complex<D>& x, int64_t) const {
    return add_product(scaled(u, B_), A_, x);
  }
  /// From r_t to conj(A) r_t; `du` and `sums` receive what the step adds. x is what stood before it; `fresh`:
  /// nothing did.
  HWY_INLINE Complex<D> retreat(V u, const Complex<D>& x, const Complex<D>& r, bool fresh, int64_t,
                                V& du, StepGradients<D>& sums) const {
    du = add_real_product(du, B_, r);
    sums.B = add_scaled(sums.B, u, r);
    if (fresh) return zero_complex(D());
    sums.A = add_conj_product(sums.A, x, r);
    return add_conj_product(zero_complex(D()), A_, r);
  }

 private:
  Complex<D> A_, B_;
};

/// x_t = p(tau_t A) x_{t-1} + tau_t f(tau_t A) B u_t
template <class T>
class SampledStep {
 public:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  struct Times {
    View<const T, 2> intervals;  // [batch, time]
    Discretization method;

    explicit Times(const DiagonalScan& in)
        : intervals(in.intervals.view<const T, 2>()), method(in.method) {}
  };

  SampledStep(const Times& times, int64_t row, const Complex<D>& A, const Complex<D>& B)
      : times_(times), row_(row), A_(A), B_(B) {}

  HWY_INLINE Complex<D> advance(V u, const Complex<D>& x, int64_t t) const {
    const V tau = interval(t);
    const Poles<D> poles = discrete_poles(D(), times_.method, scaled(tau, A_));
    return add_product(scaled(hn::Mul(tau, u), poles.f * B_), poles.p, x);
  }
  HWY_INLINE Complex<D> retreat(V u, const Complex<D>& x, const Complex<D>& r, bool fresh,
                                int64_t t, V& du, StepGradients<D>& sums) const {
    const V tau = interval(t);
    const Poles<D> poles = discrete_poles(D(), times_.method, scaled(tau, A_));
    du = hn::MulAdd(tau, add_real_product(hn::Zero(D()), poles.f * B_, r), du);
    const Complex<D> dfB = scaled(hn::Mul(tau, u), r);  // of f B
    sums.B = add_conj_product(sums.B, poles.f, dfB);
    Complex<D> dz = conj_times(poles.df * B_, dfB);
    if (!fresh) dz = add_conj_product(dz, poles.dp * x, r);
    sums.A = add_scaled(sums.A, tau, dz);
    return fresh ? zero_complex(D()) : conj_times(poles.p, r);
  }

 private:
  V interval(int64_t t) const { return hn::Set(D(), times_.intervals(row_, t)); }

  const Times& times_;
  int64_t row_;
  Complex<D> A_, B_;
};

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
