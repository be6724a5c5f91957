// discretize: a diagonal state-space model x' = A x + B u, sampled with step dt.
//
//   x_t = Abar x_{t-1} + Bbar u_t        Abar = p(dt A),  Bbar = dt f(dt A) B
//
// The methods and their p and f: kernels/discretize/discretize.h.
// Shapes: dt [channel]; A, B, Abar, Bbar [channel, state], complex of the precision of dt.
// Cost: negligible. Deterministic. Computed in double; Abar and Bbar are rounded once.
// Errors: shapes and dtypes that disagree, by ShapeCheck.
// Reference: kernels/discretize/README.md.
#pragma once

#include "autograd/variable.h"
#include "kernels/discretize/discretize.h"

namespace lw {

using kernels::Discretization;

struct DiscretizeResult {
  Variable Abar, Bbar;
};

/// An undefined B stands for ones.
DiscretizeResult discretize(const Variable& dt, const Variable& A, const Variable& B = {},
                            Discretization method = Discretization::zoh);

}  // namespace lw
