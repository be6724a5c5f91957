#include "layers/hippo.h"

#define EIGEN_DONT_PARALLELIZE  // threads come from core/parallel.h alone
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace lw {
namespace {

using Eigen::MatrixXcd;
using Eigen::MatrixXd;
using Eigen::VectorXcd;
using Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ComplexRowMajor = Eigen::Matrix<complex128, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using std::numbers::pi;

/// A = S - sum of P P^T over the columns of P, where S - shift I is skew-symmetric.
struct System {
  MatrixXd A;
  VectorXd B;
  MatrixXd P;        // [N, rank]
  double shift = 0;  // real part of every eigenvalue of S
};

double minus_one_to(int64_t n) { return n % 2 == 0 ? 1 : -1; }

/// r_n = sqrt(2n + 1)
VectorXd legendre_norms(int64_t N) {
  VectorXd r(N);
  for (int64_t n = 0; n < N; ++n) r[n] = std::sqrt(static_cast<double>(2 * n + 1));
  return r;
}

System legs(int64_t N) {
  const VectorXd r = legendre_norms(N);
  MatrixXd A = MatrixXd::Zero(N, N);
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < n; ++k) A(n, k) = -r[n] * r[k];
    A(n, n) = -static_cast<double>(n + 1);
  }
  return {A, r, r * std::sqrt(0.5), -0.5};
}

System lagt(int64_t N) {
  MatrixXd A = MatrixXd::Zero(N, N);
  A.triangularView<Eigen::StrictlyLower>().setConstant(-1);
  A.diagonal().setConstant(-0.5);
  return {A, VectorXd::Ones(N), VectorXd::Constant(N, std::sqrt(0.5)), 0};
}

System legt(int64_t N, double rate) {
  const VectorXd r = legendre_norms(N);
  MatrixXd A(N, N), P = MatrixXd::Zero(N, 2);
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < N; ++k)
      A(n, k) = -rate * r[n] * r[k] * (n >= k ? 1 : minus_one_to(k - n));
    P(n, n % 2) = r[n] * std::sqrt(rate);
  }
  return {A, rate * r, P, 0};
}

System lmu(int64_t N) {
  MatrixXd A(N, N);
  VectorXd B(N);
  for (int64_t n = 0; n < N; ++n) {
    const auto scale = static_cast<double>(2 * n + 1);
    for (int64_t k = 0; k < N; ++k) A(n, k) = scale * (n < k ? -1 : -minus_one_to(n - k));
    B[n] = scale * minus_one_to(n);
  }
  return {A, B, {}, 0};
}

/// Rotations by the multiples of `frequency`: the derivative of (1, sqrt 2 cos, sqrt 2 sin, ...).
MatrixXd rotations(int64_t N, double frequency) {
  MatrixXd S = MatrixXd::Zero(N, N);
  for (int64_t k = 1; 2 * k < N; ++k) {
    S(2 * k + 1, 2 * k) = frequency * static_cast<double>(k);
    S(2 * k, 2 * k + 1) = -S(2 * k + 1, 2 * k);
  }
  return S;
}

/// The Fourier basis at s = 0.
VectorXd fourier_start(int64_t N) {
  VectorXd b = VectorXd::Zero(N);
  for (int64_t n = 0; n < N; n += 2) b[n] = n == 0 ? 1 : std::numbers::sqrt2;
  return b;
}

/// A Fourier series on a window, which forgets what leaves it through P.
System fourier_window(int64_t N, double frequency, double forget) {
  const VectorXd b = fourier_start(N);
  return {rotations(N, frequency) - forget * b * b.transpose(), forget * b, std::sqrt(forget) * b,
          0};
}

System foud(int64_t N) {
  return {rotations(N, 2 * pi) - 0.5 * MatrixXd::Identity(N, N), fourier_start(N), MatrixXd(N, 0),
          -0.5};
}

std::string unknown(std::string_view what, std::string_view name,
                    const std::vector<std::string>& known) {
  std::string message = str("hippo: unknown ", what, " `", name, "`, expected one of:");
  for (const std::string& candidate : known) message += ' ' + candidate;
  const std::string meant = did_you_mean(std::string(name), known);
  return meant.empty() ? message : message + "; did you mean `" + meant + "`?";
}

System system_of(std::string_view measure, int64_t N) {
  check(N >= 1, "hippo: expected N of at least 1, received ", N);
  const bool fourier = measure.starts_with("fou");
  check(!fourier || N % 2 == 0, "hippo: ", measure, " pairs sines with cosines, expected an even N",
        ", received ", N);
  if (measure == "legs") return legs(N);
  if (measure == "lagt") return lagt(N);
  if (measure == "legt") return legt(N, 1);
  if (measure == "legt_half") return legt(N, 0.5);
  if (measure == "lmu") return lmu(N);
  if (measure == "fout") return fourier_window(N, pi, 1);
  if (measure == "fourier2") return fourier_window(N, 2 * pi, 2);
  if (measure == "foud") return foud(N);
  throw Error(unknown("measure", measure, hippo_measures()));
}

/// Multiplies by the phase that makes the first of the largest entries real and positive.
VectorXcd with_fixed_phase(const VectorXcd& v) {
  const double largest = v.cwiseAbs().maxCoeff();
  Eigen::Index first = 0;
  while (std::abs(v[first]) < largest * (1 - 1e-6)) ++first;
  return v * (std::conj(v[first]) / std::abs(v[first]));
}

/// The eigenvectors of a skew-symmetric S whose eigenvalues i w have w > 0, ascending, after one of
/// each zero pair; conj() gives the others.
struct Half {
  VectorXd w;
  MatrixXcd V;  // [N, N/2]
};

Half half_of(const MatrixXd& S) {
  const Eigen::Index N = S.rows(), half = N / 2;
  const Eigen::SelfAdjointEigenSolver<MatrixXcd> eigen(complex128(0, -1) * S.cast<complex128>());
  Half result{eigen.eigenvalues().tail(half), eigen.eigenvectors().rightCols(half)};

  const double tolerance = 1e-10 * std::max(1., result.w.tail(1)[0]);
  Eigen::Index zeros = 0;
  while (zeros < half && result.w[zeros] < tolerance) ++zeros;
  if (zeros > 0) {
    // Any real basis q_0, q_1, ... of the null space serves: (q_0 - i q_1) / sqrt 2 and so on.
    const MatrixXcd rest = result.V.rightCols(half - zeros);
    const MatrixXd null = MatrixXd::Identity(N, N) - 2 * (rest * rest.adjoint()).real();
    const MatrixXd Q = null.colPivHouseholderQr().householderQ();
    for (Eigen::Index z = 0; z < zeros; ++z) {
      const VectorXd even = with_fixed_phase(Q.col(2 * z).cast<complex128>()).real();
      const VectorXd odd = with_fixed_phase(Q.col(2 * z + 1).cast<complex128>()).real();
      result.w[z] = 0;
      result.V.col(z) = (even.cast<complex128>() - complex128(0, 1) * odd) * std::sqrt(0.5);
    }
  }
  for (Eigen::Index n = 0; n < half; ++n) result.V.col(n) = with_fixed_phase(result.V.col(n));
  return result;
}

}  // namespace

const std::vector<std::string>& hippo_measures() {
  static const std::vector<std::string> names{"legs", "lagt", "legt",     "legt_half",
                                              "lmu",  "fout", "fourier2", "foud"};
  return names;
}

Hippo hippo(std::string_view measure, int64_t N) {
  const System system = system_of(measure, N);
  Hippo result{N, std::vector<double>(static_cast<size_t>(N * N)),
               std::vector<double>(system.B.begin(), system.B.end())};
  Eigen::Map<RowMajor>(result.A.data(), N, N) = system.A;
  return result;
}

Nplr nplr(std::string_view measure, int64_t N) {
  check(measure != "lmu",
        "nplr: lmu is not normal plus low rank in its scaling; use legt, the same system in the "
        "orthonormal one");
  const System system = system_of(measure, N);
  check(N % 2 == 0, "nplr: expected an even N, of conjugate pairs, received ", N);

  const Eigen::Index rank = system.P.cols();
  MatrixXd S = system.A + system.P * system.P.transpose();
  S.diagonal().array() -= system.shift;
  const Half half = half_of((S - S.transpose()) * 0.5);

  Nplr result{N, rank};
  for (const double w : half.w) result.lambda.emplace_back(system.shift, w);
  const size_t each = result.lambda.size();
  result.P.resize(each * static_cast<size_t>(rank));
  result.B.resize(each);
  result.V.resize(each * static_cast<size_t>(N));
  Eigen::Map<ComplexRowMajor>(result.P.data(), rank, N / 2) =
      (half.V.adjoint() * system.P).transpose();
  Eigen::Map<VectorXcd>(result.B.data(), N / 2) = half.V.adjoint() * system.B;
  Eigen::Map<ComplexRowMajor>(result.V.data(), N, N / 2) = half.V;
  return result;
}

const std::vector<std::string>& diagonal_inits() {
  static const std::vector<std::string> names{"legs", "lin",  "inv",   "inv2",
                                              "quad", "real", "random"};
  return names;
}

std::vector<complex128> diagonal_lambda(std::string_view init, int64_t N, const Random& random) {
  const auto& known = diagonal_inits();
  check(std::find(known.begin(), known.end(), init) != known.end(),
        unknown("diagonal initialisation", init, known));
  std::vector<complex128> lambda;
  if (init == "real") {
    for (int64_t n = 0; n < N; ++n) lambda.emplace_back(-static_cast<double>(n + 1), 0);
    return lambda;
  }
  check(N >= 2 && N % 2 == 0, "diagonal_lambda: expected an even N, of conjugate pairs, received ",
        N);
  if (init == "legs") return nplr("legs", N).lambda;

  const auto size = static_cast<double>(N);
  for (int64_t n = 0; n < N / 2; ++n) {
    const auto odd = static_cast<double>(2 * n + 1), next = static_cast<double>(n + 1);
    const double frequency = init == "lin"    ? pi * static_cast<double>(n)
                             : init == "inv"  ? size / pi * (size / odd - 1)
                             : init == "inv2" ? size / pi * (size / next - 1)
                             : init == "quad"
                                 ? odd * odd / pi
                                 : std::exp(random.normal_at(static_cast<uint64_t>(n)));
    lambda.emplace_back(-0.5, frequency);
  }
  return lambda;
}

}  // namespace lw
