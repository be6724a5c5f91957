// s4_kernel: the convolution kernel of S4, a diagonal plus low-rank state-space model, through its
// truncated generating function.
//
//   A = diag(lambda) - sum_r P_r P_r^*       bilinear with step dt       K_l = C Abar^l Bbar,  l < time
//
// of the full state, conjugates included; the arguments hold one of each pair. The readout is given
// as Ct = C (I - Abar^length) for one `length` >= time (layers keep it so): with w_j = e^{-2 pi i j/length},
//
//   K = first `time` values of irfft(Khat),   Khat_j = sum_{l < length} K_l w_j^l
//     = dt [s_CB - dt h_j s_CP (I + dt h_j s_QP)^{-1} s_QB],      Q = P^*,  h_j = (1 + w_j) / 2
//   s_ab = sum_n a_n b_n / (1 - w_j - dt lambda_n h_j)  over the full state
//
// Shapes: dt [channel]; lambda, B, Ct [channel, state] complex; P [rank, channel, state], rank 0, 1
// or 2; K [channel, time]. Arguments may be pitched. length = 2^a 3^b 5^c (next_fast_length).
// Preconditions: Re lambda < 0. Lambda = 0 divides by zero at j = 0; with -Re lambda >= 1e-4 all is
// finite.
// Cost: 9 + 4 (1 + rank)^2 operations and a division an element of state x length / 2, three times that
// backward; memory O(channel length), denominators are computed again.
// Determinism: yes. Error: computed in double whatever the dtype, as S_CB and the low-rank term cancel
// where a node comes near an undamped lambda; 1e-12 of the largest |K| before rounding.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct S4Kernel {
  Tensor dt, lambda;
  Tensor P;  ///< undefined: rank 0
  Tensor B;
  Tensor Ct;
  int64_t length = 0;
};

/// Gradients, to be written; P is undefined where it is in the arguments.
struct S4KernelGradients {
  Tensor dt, lambda, P, B, Ct;
};

inline constexpr int64_t max_s4_rank = 2;

inline Kernel<void(const S4Kernel&, Tensor& K)> s4_kernel_forward{"s4_kernel_forward"};
inline Kernel<void(const S4Kernel&, const Tensor& dK, S4KernelGradients&)> s4_kernel_backward{
    "s4_kernel_backward"};

}  // namespace lw::kernels
