// One element of channel x state of s4d_kernel: its coefficient, and the way back from the sums of the
// gradient. For the CPU and for CUDA kernels; Z as in kernels/discretize/pole.h. Internal.
#pragma once

#include "kernels/discretize/pole.h"

namespace lw::kernels {

template <class Z>
struct S4dElement {
  DiscreteElement<Z> sampled;
  Z C;
  double scale;  // k

  LW_HOST_DEVICE S4dElement(Discretization method, double dt, Z a, Z b, Z c, double k)
      : sampled(method, dt, a, b), C(c), scale(k) {}

  /// k dt f B C
  LW_HOST_DEVICE Z coefficient() const { return scale * (sampled.Bbar() * C); }

  struct Gradients {
    Z dt, A, B, C;  // that of dt is the real part
  };
  /// From sum_l g_l p^l and sum_l g_l l p^{l-1}.
  LW_HOST_DEVICE Gradients gradients(Z powers, Z slopes) const {
    const Z dc = scale * conj(powers), dp = conj(coefficient() * slopes);
    const auto d = sampled.gradients(dp, dc * conj(C));
    return {d.dt, d.A, d.B, dc * conj(sampled.Bbar())};
  }
};

}  // namespace lw::kernels
