// dense_scan: the recurrence of a state-space model with a dense state matrix, one for each channel.
//
//   x_t = A x_{t-1} + B u_t         y_t = C x_t
//
// x_{-1} is `state` or zero; a reset at time t makes x_{t-1} zero.
// Shapes: u [batch, time, channel]; A [channel, N, N]; B [channel, N]; C [channel, output, N]; states
// [batch, channel, N]; resets u8 [batch, time]; y [batch, time, channel, output]. Arguments may be pitched.
// dtypes: f32, f64.
// Cost: 2 N (N + output) operations a step and channel, four times that backward, which computes the states of
// 64 steps at a time again and holds no state of all steps.
// Determinism: bits depend neither on threads nor on the batch. How a sequence is cut does not change y.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"
#include "kernels/optional_view.h"

namespace lw::kernels {

struct DenseScan {
  Tensor u, A, B, C;
  Tensor state;   ///< undefined: zero
  Tensor resets;  ///< undefined: none
};

/// Gradients, to be written; `state` is undefined where it is in the arguments.
struct DenseScanGradients {
  Tensor u, A, B, C, state;
};

inline Kernel<void(const DenseScan&, Tensor& y, Tensor& state)> dense_scan_forward{
    "dense_scan_forward"};

/// From the gradients of y and of the final state (undefined: zero) to those of the arguments.
inline Kernel<void(const DenseScan&, const Tensor& dy, const Tensor& dstate, DenseScanGradients&)>
    dense_scan_backward{"dense_scan_backward"};

// For kernels: the arguments as they read them.
template <class T>
struct DenseScanTerms {
  View<const T, 3> u, A, C, state;  // state without data: zero
  View<const T, 2> B;
  View<const uint8_t, 2> resets;  // without data: none
  int64_t batch, time, channels, outputs, N;

  explicit DenseScanTerms(const DenseScan& in)
      : u(in.u.view<const T, 3>()),
        A(in.A.view<const T, 3>()),
        C(in.C.view<const T, 3>()),
        state(optional_view<const T, 3>(in.state)),
        B(in.B.view<const T, 2>()),
        resets(optional_view<const uint8_t, 2>(in.resets)),
        batch(u.sizes[0]),
        time(u.sizes[1]),
        channels(u.sizes[2]),
        outputs(C.sizes[1]),
        N(A.sizes[2]) {}
};

}  // namespace lw::kernels
