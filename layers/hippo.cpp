#include "layers/hippo.h"

#define EIGEN_DONT_PARALLELIZE  // threads come from core/parallel.h alone
#include <Eigen/Dense>
#include <cmath>
#include <numbers>

#include "layers/unknown_name.h"

namespace lw {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using std::numbers::pi;

Hippo without_correction(const MatrixXd& A, const VectorXd& B) {
  Hippo result{{A.rows(), std::vector<double>(static_cast<size_t>(A.size())),
                std::vector<double>(B.begin(), B.end())},
               std::nullopt};
  Eigen::Map<RowMajor>(result.A.data(), A.rows(), A.cols()) = A;
  return result;
}

/// A + P P^T = shift I + a skew-symmetric matrix; P [N, rank].
Hippo with_correction(const MatrixXd& A, const VectorXd& B, const MatrixXd& P, double shift) {
  Hippo result = without_correction(A, B);
  result.correction = {P.cols(), std::vector<double>(static_cast<size_t>(P.size())), shift};
  Eigen::Map<RowMajor>(result.correction->P.data(), P.cols(), P.rows()) = P.transpose();
  return result;
}

double minus_one_to(int64_t n) { return n % 2 == 0 ? 1 : -1; }

/// r_n = sqrt(2n + 1)
VectorXd legendre_norms(int64_t N) {
  VectorXd r(N);
  for (int64_t n = 0; n < N; ++n) r[n] = std::sqrt(static_cast<double>(2 * n + 1));
  return r;
}

MatrixXd legs_matrix(const VectorXd& r) {
  const Eigen::Index N = r.size();
  MatrixXd A = MatrixXd::Zero(N, N);
  for (Eigen::Index n = 0; n < N; ++n) {
    for (Eigen::Index k = 0; k < n; ++k) A(n, k) = -r[n] * r[k];
    A(n, n) = -static_cast<double>(n + 1);
  }
  return A;
}

Hippo legs(int64_t N) {
  const VectorXd r = legendre_norms(N);
  return with_correction(legs_matrix(r), r, r * std::sqrt(0.5), -0.5);
}

Hippo legsd(int64_t N) {
  const VectorXd r = legendre_norms(N);
  return with_correction(legs_matrix(r) + 0.5 * r * r.transpose(), 0.5 * r, MatrixXd(N, 0), -0.5);
}

Hippo lagt(int64_t N) {
  MatrixXd A = MatrixXd::Zero(N, N);
  A.triangularView<Eigen::StrictlyLower>().setConstant(-1);
  A.diagonal().setConstant(-0.5);
  return with_correction(A, VectorXd::Ones(N), VectorXd::Constant(N, std::sqrt(0.5)), 0);
}

Hippo legt(int64_t N, double rate) {
  const VectorXd r = legendre_norms(N);
  MatrixXd A(N, N), P = MatrixXd::Zero(N, 2);
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < N; ++k)
      A(n, k) = -rate * r[n] * r[k] * (n >= k ? 1 : minus_one_to(k - n));
    P(n, n % 2) = r[n] * std::sqrt(rate);
  }
  return with_correction(A, rate * r, P, 0);
}

Hippo lmu(int64_t N) {
  MatrixXd A(N, N);
  VectorXd B(N);
  for (int64_t n = 0; n < N; ++n) {
    const auto scale = static_cast<double>(2 * n + 1);
    for (int64_t k = 0; k < N; ++k) A(n, k) = scale * (n < k ? -1 : -minus_one_to(n - k));
    B[n] = scale * minus_one_to(n);
  }
  return without_correction(A, B);
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
Hippo fourier_window(int64_t N, double frequency, double forget) {
  const VectorXd b = fourier_start(N);
  return with_correction(rotations(N, frequency) - forget * b * b.transpose(), forget * b,
                         std::sqrt(forget) * b, 0);
}

Hippo foud(int64_t N) {
  return with_correction(rotations(N, 2 * pi) - 0.5 * MatrixXd::Identity(N, N), fourier_start(N),
                         MatrixXd(N, 0), -0.5);
}

VectorXd normal_draws(const Random& random, int64_t count) {
  VectorXd draws(count);
  for (int64_t i = 0; i < count; ++i) draws[i] = random.normal_at(static_cast<uint64_t>(i));
  return draws;
}

Hippo random_dense(int64_t N, const Random& random) {
  const MatrixXd G = normal_draws(random.fork("A"), N * N).reshaped(N, N);
  const double radius = Eigen::EigenSolver<MatrixXd>(G, false).eigenvalues().cwiseAbs().maxCoeff();
  return without_correction(G / radius - MatrixXd::Identity(N, N),
                            normal_draws(random.fork("B"), N));
}

Hippo random_diagonal(int64_t N, const Random& random) {
  const VectorXd rates = normal_draws(random.fork("A"), N).array().exp();
  return without_correction((-rates).asDiagonal(), normal_draws(random.fork("B"), N));
}

}  // namespace

const std::vector<std::string>& hippo_measures() {
  static const std::vector<std::string> names{
      "legs",     "legsd",         "lagt", "glagt",  "legt",     "legt_half", "lmu",         "fout",
      "fourier2", "fourier_decay", "foud", "random", "diagonal", "fourier",   "fourier_diag"};
  return names;
}

Hippo hippo(std::string_view measure, int64_t N, const Random& random) {
  check(N >= 1, "hippo: expected N of at least 1, received ", N);
  const bool fourier = measure.starts_with("fou");
  check(!fourier || N % 2 == 0, "hippo: ", measure, " pairs sines with cosines, expected an even N",
        ", received ", N);
  if (measure == "legs") return legs(N);
  if (measure == "legsd") return legsd(N);
  if (measure == "lagt") return lagt(N);
  if (measure == "glagt") return hippo_glagt(N, 0, 0.01);
  if (measure == "legt") return legt(N, 1);
  if (measure == "legt_half") return legt(N, 0.5);
  if (measure == "lmu") return lmu(N);
  if (measure == "fout" || measure == "fourier") return fourier_window(N, pi, 1);
  if (measure == "fourier2") return fourier_window(N, 2 * pi, 2);
  if (measure == "fourier_decay") return fourier_window(N, pi, 0.5);
  if (measure == "foud" || measure == "fourier_diag") return foud(N);
  if (measure == "random") return random_dense(N, random);
  if (measure == "diagonal") return random_diagonal(N, random);
  throw Error("hippo: " + unknown_name("measure", measure, hippo_measures()));
}

Hippo hippo_glagt(int64_t N, double alpha, double beta) {
  check(N >= 1, "hippo_glagt: expected N of at least 1, received ", N);
  check(alpha > -1 && alpha < 1, "hippo_glagt: expected alpha between -1 and 1, received ", alpha);
  check(std::isfinite(beta) && beta > 0, "hippo_glagt: expected a positive beta, received ", beta);
  VectorXd h(N);
  for (int64_t n = 0; n < N; ++n) {
    const auto order = static_cast<double>(n);
    h[n] = std::exp(0.5 * (std::lgamma(order + alpha + 1) - std::lgamma(order + 1)));
  }
  MatrixXd A = MatrixXd::Zero(N, N);
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < n; ++k) A(n, k) = -h[k] / h[n];
    A(n, n) = -(1 + beta) / 2;
  }
  const double c = std::sqrt(std::pow(beta, 1 - alpha) / std::tgamma(1 - alpha));
  const VectorXd B = c / std::tgamma(alpha + 1) * h;
  if (alpha != 0) return without_correction(A, B);
  return with_correction(A, B, VectorXd::Constant(N, std::sqrt(0.5)), -beta / 2);
}

}  // namespace lw
