// The functions of one pole that sampling a diagonal model takes, and the chain rule through them; for
// the CPU and for CUDA kernels. Internal.
//
// Z is a complex number: std::complex<double> on the CPU, Complex<double> in kernels.
#pragma once

#include "core/host_device.h"
#include "kernels/discretize/discretize.h"

namespace lw::kernels {

/// p(z) and f(z) of the table in discretize.h, and their derivatives.
template <class Z>
struct DiscretePole {
  Z p, dp, f, df;
};

/// (e^z - 1) / z and its derivative (e^z - f) / z, which cancel near 0: there, the power series
/// sum z^k / (k+1)!.
template <class Z>
LW_HOST_DEVICE void zero_order_hold(Z z, DiscretePole<Z>& pole) {
  const Z one{1, 0};
  if (norm(z) > 0.25) {
    pole.f = (pole.p - one) / z;
    pole.df = (pole.p - pole.f) / z;
    return;
  }
  constexpr int terms = 16;
  Z f{0, 0}, df{0, 0};
  for (int k = terms; k > 0; --k) {  // Horner's rule on f = 1 + z/2 (1 + z/3 (1 + ...))
    const Z inner = one + f;
    const double scale = 1. / (k + 1);
    df = scale * (inner + z * df);
    f = scale * (z * inner);
  }
  pole.f = one + f;
  pole.df = df;
}

template <class Z>
LW_HOST_DEVICE DiscretePole<Z> discrete_pole(Discretization method, Z z) {
  const Z one{1, 0}, zero{0, 0};
  switch (method) {
    case Discretization::bilinear: {
      const Z half = 0.5 * z, f = one / (one - half);
      return {(one + half) * f, f * f, f, 0.5 * (f * f)};
    }
    case Discretization::forward_euler:
      return {one + z, one, one, zero};
    case Discretization::backward_euler: {
      const Z f = one / (one - z);
      return {f, f * f, f, f * f};
    }
    default: {
      const Z p = exp(z);
      DiscretePole<Z> pole{p, p, one, zero};
      if (method == Discretization::zoh) zero_order_hold(z, pole);
      return pole;
    }
  }
}

/// One element of channel x state in double.
template <class Z>
struct DiscreteElement {
  double dt;
  Z A, B;
  DiscretePole<Z> pole;

  LW_HOST_DEVICE DiscreteElement(Discretization method, double step, Z a, Z b)
      : dt(step), A(a), B(b), pole(discrete_pole(method, step * a)) {}

  LW_HOST_DEVICE Z Bbar() const { return dt * (pole.f * B); }

  /// From the gradients of p and of dt f B to those of A and B, and to a number whose real part is
  /// that of dt.
  struct Gradients {
    Z dt, A, B;
  };
  LW_HOST_DEVICE Gradients gradients(Z dp, Z dBbar) const {
    const Z dz = dp * conj(pole.dp) + dBbar * conj(dt * (pole.df * B));
    return {dz * conj(A) + dBbar * conj(pole.f * B), dt * dz, dBbar * conj(dt * pole.f)};
  }
};

}  // namespace lw::kernels
