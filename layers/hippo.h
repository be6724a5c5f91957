// HiPPO: the state matrices of optimal online memory, their normal-plus-low-rank form, and the
// diagonal initialisations derived from them. All in double, on the CPU: they initialise layers.
//
//   x'(t) = A x(t) + B u(t)        x_n(t) = integral of u(t - s) (e^{sA} B)_n ds
//
// With r_n = sqrt(2n + 1), n, k = 0 ... N-1, and b = (1, 0, sqrt 2, 0, sqrt 2, 0, ...):
//
//   legs      A = -r_n r_k (n > k), -(n+1) (n = k), 0 (n < k); B = r_n.  The whole past, exponentially
//             warped Legendre polynomials: (e^{sA} B)_n = e^{-s} r_n P_n(2 e^{-s} - 1)
//   legsd     A = legs + r r^T / 2, B = r / 2.  The normal part of legs alone
//   lagt      A = -1/2 (n = k), -1 (n > k), 0 (n < k); B = 1.  e^{-s/2} L_n(s), Laguerre polynomials
//   glagt     hippo_glagt(N, 0, 0.01) below: generalised Laguerre polynomials
//   legt      A = -r_n r_k (1 for n >= k, (-1)^{n-k} for n < k); B = r_n.  A window of length 1,
//             orthonormal Legendre polynomials; approximately r_n P_n(1 - 2s) on [0, 1] and 0 after
//   legt_half half of A and B of legt: a window of length 2, what the s4 code calls legt
//   lmu       A = (2n+1) (-1 for n < k, (-1)^{n-k+1} for n >= k); B = (2n+1) (-1)^n.  legt in the
//             scaling of the Legendre Memory Unit
//   fout      A = S - b b^T, S_{2k+1,2k} = -S_{2k,2k+1} = pi k; B = b.  A window of length 2, Fourier
//             series: half of (1, sqrt 2 cos pi k s, sqrt 2 sin pi k s) on [0, 2], about 0 after;
//             element 1 ("sin 0") is always 0.  Also called fourier
//   fourier2  A = 2 S - 2 b b^T, B = 2 b.  A window of length 1
//   fourier_decay  A = S - b b^T / 2, B = b / 2.  Overwrites only in part: each window of length 2
//             echoes in the next with a third of its weight
//   foud      A = 2 S - I/2, B = b.  e^{-s/2} times the Fourier series of period 1; also fourier_diag
//
// and, to compare with, two that remember nothing in particular:
//
//   random    A = G / |G| - I, G and B standard normal, |G| the spectral radius of G: eigenvalues fill
//             the unit disc about -1.  A Gaussian G itself explodes like e^{sqrt(N) t}; so scaled it
//             neither grows nor dies at once, and has the time scale of legs' slowest mode
//   diagonal  A = -diag(e^g), g and B standard normal
//
// Normal plus low rank: A + sum_r p_r p_r^T = shift I + a skew-symmetric matrix, where
//
//   legs p = sqrt(n + 1/2), shift -1/2     lagt, glagt p = sqrt(1/2), shift 0, -beta/2
//   legt p_1, p_2 = r_n on even n, on odd n (legt_half: by sqrt(1/2)), shift 0
//   fout p = b, fourier2 sqrt 2 b, fourier_decay sqrt(1/2) b, shift 0     legsd, foud none, shift -1/2
//
// lmu has none in its scaling, random and diagonal have none at all.
//
// References: Gu, Dao, Ermon, Rudra & Ré 2020, arXiv:2008.07669 (legs, legt, lagt, glagt); Voelker,
// Kajić & Eliasmith 2019 (lmu); Gu, Johnson, Timalsina, Rudra & Ré 2022, arXiv:2206.12037 (fout, foud);
// Gu, Goel & Ré 2021, arXiv:2111.00396, appendix C (normal plus low rank); Gu, Gupta, Goel & Ré
// 2022, arXiv:2206.11893 (diagonal initialisations); Gu et al. 2021, arXiv:2110.13985 (random, to
// compare with); the code of state-spaces/s4.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/random.h"
#include "layers/state_space.h"

namespace lw {

/// A + sum_r P_r P_r^T = shift I + a skew-symmetric matrix.
struct LowRankCorrection {
  int64_t rank = 0;
  std::vector<double> P;  ///< [rank, N]
  double shift = 0;
};

struct Hippo : DenseSystem {
  std::optional<LowRankCorrection> correction;  ///< where the measure has one
};

/// The names of the measures above, in that order; fourier and fourier_diag at the end.
const std::vector<std::string>& hippo_measures();

/// The matrices of a measure, N >= 1 (even for the Fourier ones); `random` draws those of random and
/// diagonal. Throws Error for another name.
Hippo hippo(std::string_view measure, int64_t N, const Random& random = Random(0));

/// Generalised Laguerre, -1 < alpha < 1, beta > 0: with h_n^2 = Gamma(n + alpha + 1) / n!,
///
///   A = -(1+beta)/2 (n = k), -h_k / h_n (n > k), 0 (n < k);   B = c h_n / Gamma(alpha + 1)
///   (e^{sA} B)_n = c e^{-(1+beta)s/2} L_n^(alpha)(s) / h_n,   c^2 = beta^(1-alpha) / Gamma(1-alpha)
///
/// It approximates the past in the measure s^-alpha e^{-beta s}: beta is how fast it forgets.
/// alpha = 0, beta -> 0 is lagt times sqrt(beta); unless alpha = 0 it has no low-rank correction.
Hippo hippo_glagt(int64_t N, double alpha, double beta);

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
  std::vector<complex128> P;       ///< [rank, N/2]; rank 1, for legt 2, for legsd and foud 0
  std::vector<complex128> B;       ///< [N/2]
  std::vector<complex128> V;       ///< [N, N/2], row-major
};

/// Throws Error for an odd N, an unknown measure, and one without a low-rank correction (for lmu,
/// legt is the same system in a scaling that has one).
Nplr nplr(std::string_view measure, int64_t N);
Nplr nplr(const Hippo& hippo);

/// All N eigenvalues, conjugates appended: the form that can be sampled (layers/state_space.h).
DplrSystem dplr_system(const Nplr& form);

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
