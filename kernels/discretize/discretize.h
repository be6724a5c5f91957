// discretize: a diagonal state-space model x' = A x + B u, sampled with step dt.
//
//   x_t = Abar x_{t-1} + Bbar u_t        Abar = p(z),  Bbar = dt f(z) B,  z = dt A, element by element
//
//                        p                          f
//   zoh                  e^z                        (e^z - 1) / z     u constant between samples
//   bilinear             (1 + z/2) / (1 - z/2)      1 / (1 - z/2)     Tustin, the trapezoid rule
//   forward_euler        1 + z                      1
//   backward_euler       1 / (1 - z)                1 / (1 - z)
//   exponential_euler    e^z                        1                 what Mamba calls zoh
//
// Shapes: dt [channel]; A, B, Abar, Bbar [channel, state] complex; A and B may be pitched.
// Units: dt in the unit of time, A in its inverse.
// Cost: negligible; computed in double whatever the dtype. Deterministic.
// Reference: README.md beside this file.
#pragma once

#include <complex>

#include "core/kernel.h"

namespace lw::kernels {

enum class Discretization { zoh, bilinear, forward_euler, backward_euler, exponential_euler };

struct Discretize {
  Tensor dt, A;
  Tensor B;  ///< undefined: ones
  Discretization method = Discretization::zoh;
};

/// Gradients, to be written; B may be undefined.
struct DiscretizeGradients {
  Tensor dt, A, B;
};

inline Kernel<void(const Discretize&, Tensor& Abar, Tensor& Bbar)> discretize_forward{
    "discretize_forward"};
inline Kernel<void(const Discretize&, const Tensor& dAbar, const Tensor& dBbar,
                   DiscretizeGradients&)>
    discretize_backward{"discretize_backward"};

}  // namespace lw::kernels
