// s4d_kernel: the convolution kernel of a diagonal state-space model.
//
//   K_l = k Re sum_n C_n Bbar_n Abar_n^l,  l = 0 ... time-1        Abar, Bbar = discretize(dt, A, B)
//
// k = 2 where A holds one of each conjugate pair of a real system, k = 1 where it holds them all
// (S4D-Real: real A, B, C, given as complex numbers without imaginary part).
// Shapes: dt [channel]; A, B, C [channel, state] complex; K [channel, time], time >= 0.
// Cost: 4 state time flops a channel forward, 8 backward (dense small products at full speed), and
// about 2 sqrt(time) powers a state and channel; memory for a few channels a thread, nothing of size
// channel x state x time.
// Determinism: yes. Error: powers in double, products and sums in the dtype; f32 5e-7 of the
// largest |K| whatever the length.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"
#include "kernels/discretize/discretize.h"

namespace lw::kernels {

struct S4dKernel {
  Tensor dt, A;
  Tensor B;  ///< undefined: ones
  Tensor C;
  Discretization method = Discretization::zoh;
  bool conjugate_pairs = true;  ///< k = 2
};

/// Gradients, to be written; B may be undefined.
struct S4dKernelGradients {
  Tensor dt, A, B, C;
};

inline Kernel<void(const S4dKernel&, Tensor& K)> s4d_kernel_forward{"s4d_kernel_forward"};
inline Kernel<void(const S4dKernel&, const Tensor& dK, S4dKernelGradients&)> s4d_kernel_backward{
    "s4d_kernel_backward"};

}  // namespace lw::kernels
