// HiPPO: the state matrices of optimal online memory, their normal-plus-low-rank form, and the
// diagonal initialisations derived from them. All in double, on the CPU: they initialise layers.
//
//   x'(t) = A x(t) + B u(t)        x_n(t) = integral of u(t - s) (e^{sA} B)_n ds
//
// With r_n = sqrt(2n + 1) and n, k = 0 ... N-1:
//
//   legs      A = -r_n r_k (n > k), -(n+1) (n = k), 0 (n < k); B = r_n.  The whole past, exponentially
//             warped Legendre polynomials: (e^{sA} B)_n = e^{-s} r_n P_n(2 e^{-s} - 1)
//   lagt      A = -1/2 (n = k), -1 (n > k), 0 (n < k); B = 1.  e^{-s/2} L_n(s), Laguerre polynomials
//   legt      A = -r_n r_k (1 for n >= k, (-1)^{n-k} for n < k); B = r_n.  A window of length 1,
//             orthonormal Legendre polynomials; approximately r_n P_n(1 - 2s) on [0, 1] and 0 after
//   legt_half half of A and B of legt: a window of length 2, what the s4 code calls legt
//   lmu       A = (2n+1) (-1 for n < k, (-1)^{n-k+1} for n >= k); B = (2n+1) (-1)^n.  legt in the
//             scaling of the Legendre Memory Unit
//   fout      A = S - B B^T, S_{2k+1,2k} = -S_{2k,2k+1} = pi k; B = 1 at 0, sqrt 2 at other even n, 0
//             at odd n.  A window of length 2, Fourier series; element 1 ("sin 0") is always 0
//   fourier2  A = S' - 2 B' B'^T with S' = 2 S and B' that of fout, B = 2 B'.  A window of length 1
//   foud      A = S' - I/2, B = B'.  e^{-s/2} times the Fourier series of period 1
//
// References: Gu, Dao, Ermon, Rudra & Ré 2020, arXiv:2008.07669 (legs, legt, lagt); Voelker, Kajić &
// Eliasmith 2019 (lmu); Gu, Johnson, Timalsina, Rudra & Ré 2022, arXiv:2206.12037 (fout, foud);
// Gu, Goel & Ré 2021, arXiv:2111.00396, appendix C (normal plus low rank); Gu, Gupta, Goel & Ré
// 2022, arXiv:2206.11893 (diagonal initialisations); the code of state-spaces/s4.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/random.h"

namespace lw {

struct Hippo {
  int64_t N = 0;
  std::vector<double> A;  ///< [N, N], row-major
  std::vector<double> B;  ///< [N]
};

/// The names of the measures above, in that order.
const std::vector<std::string>& hippo_measures();

/// The matrices of a measure, N >= 1 (even for the Fourier ones). Throws Error for another name.
Hippo hippo(std::string_view measure, int64_t N);

/// A = V_full (diag(lambda_full) - P_full^T conj(P_full)) V_full^*, where "full" appends the complex
/// conjugates that this form leaves out.
///
/// A + sum_r p_r p_r^T is a real multiple of the identity plus a skew-symmetric matrix, so it has
/// orthonormal eigenvectors V, and P = conj(V)^T p_r, B = conj(V)^T B. Of each conjugate pair the
/// eigenvalue with positive imaginary part is kept, in ascending order; a zero pair (fourier) is
/// given conjugate eigenvectors. Phases are fixed: the first of the largest entries of each
/// eigenvector is real and positive. In terms of the half state z, x = 2 Re(V z).
struct Nplr {
  int64_t N = 0, rank = 0;
  std::vector<complex128> lambda;  ///< [N/2]
  std::vector<complex128> P;       ///< [rank, N/2]; rank 1, for legt 2, for foud 0
  std::vector<complex128> B;       ///< [N/2]
  std::vector<complex128> V;       ///< [N, N/2], row-major
};

/// Throws Error for an odd N, an unknown measure, and for lmu, which is not normal plus P P^T in its
/// scaling (legt is the same system in one that is).
Nplr nplr(std::string_view measure, int64_t N);

/// The names that diagonal_lambda() knows.
const std::vector<std::string>& diagonal_inits();

/// Eigenvalues of a diagonal state matrix with N real dimensions. For n = 0 ... N/2-1, conjugates
/// left out,
///
///   legs    the lambda of nplr("legs", N): -1/2 + i (about 0.26, 0.91, ..., N^2/pi)
///   lin     -1/2 + i pi n                          inv    -1/2 + (i N/pi) (N/(2n+1) - 1)
///   quad    -1/2 + (i/pi) (2n+1)^2                 inv2   -1/2 + (i N/pi) (N/(n+1) - 1)
///   random  -1/2 + i e^g, g normal (draw n of `random`)
///
/// and for real, which has no conjugates, -(n+1) for n = 0 ... N-1, as in Mamba.
std::vector<complex128> diagonal_lambda(std::string_view init, int64_t N, const Random& random);

}  // namespace lw
