// Linear state-space models and their sampling, in double on the CPU: what initialisations, the
// online memory and the tests reckon with. (What is trained: autograd/ops/discretize.h.)
//
//   x'(t) = A x(t) + B u(t)      ->      x_t = Abar x_{t-1} + Bbar u_t,  y_t = C x_t
//
// With step d, and the state after the update read out:
//
//   generalized_bilinear   Abar = (I - a d A)^-1 (I + (1-a) d A)      Bbar = d (I - a d A)^-1 B
//     forward a = 0, backward a = 1, bilinear (Tustin) a = 1/2
//   zoh                    Abar = e^{dA}                        Bbar = (integral of e^{sA} ds, 0 to d) B
//
// A is dense and real, or diagonal, or diagonal plus low rank. A sampled system is of the same kind
// as its continuous one, with Abar and Bbar in the places of A and B.
//
// Order of convergence of x at a fixed time, measured in tests/layers/state_space_test.cpp:
//
//                  no input   input held over each step   smooth input, u_t taken at
//                                                         the middle   the end of a step
//   forward, backward   1              1                      1              1
//   bilinear            2              2                      2              1
//   zoh               exact          exact                    2              1
//
// and the generalised bilinear rule has order 1 unless a = 1/2.
//
// Stability: bilinear, backward (any a >= 1/2) and zoh are stable for every step when A is; forward
// only while |1 + d lambda| <= 1 for every eigenvalue.
// Cost: dense O(N^3); diagonal O(N); diagonal plus rank R: O(N R^2), by Woodbury's identity. Only e^{dA}
// of the last is of full rank: zoh gives it with rank N, in O(N^3).
// Deterministic. Errors: sizes that disagree, a step that is not positive, a singular I - a d A.
// Reference: Gu et al. 2021, arXiv:2110.13985 (generalised bilinear); Gu, Goel & Ré 2021,
// arXiv:2111.00396, appendix C (diagonal plus low rank).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace lw {

struct DenseSystem {
  int64_t N = 0;
  std::vector<double> A;  ///< [N, N], row-major
  std::vector<double> B;  ///< [N]
};

/// A = diag(lambda)
struct DiagonalSystem {
  std::vector<complex128> lambda, B;  ///< [N]
};

/// A = diag(lambda) - sum over r of P_r Q_r^*, Q^* the conjugate transpose
struct DplrSystem {
  int64_t rank = 0;
  std::vector<complex128> lambda, B;  ///< [N]
  std::vector<complex128> P, Q;       ///< [rank, N], row-major
};

/// How a system is sampled: the generalised bilinear rule of some alpha, or zero-order hold.
struct SamplingRule {
  double alpha = 0.5;
  bool zoh = false;
};

/// forward, backward, bilinear, zoh
const std::vector<std::string>& sampling_rules();

/// The rule of that name. Throws Error for another, with the nearest.
SamplingRule sampling_rule(std::string_view name);

/// alpha in [0, 1].
SamplingRule generalized_bilinear(double alpha);

DenseSystem discretize(const DenseSystem& system, const SamplingRule& rule, double step);
DiagonalSystem discretize(const DiagonalSystem& system, const SamplingRule& rule, double step);
DplrSystem discretize(const DplrSystem& system, const SamplingRule& rule, double step);

}  // namespace lw
