#include "layers/hippo.h"

#define EIGEN_DONT_PARALLELIZE  // threads come from core/parallel.h alone
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "layers/unknown_name.h"

namespace lw {
namespace {

using Eigen::MatrixXcd;
using Eigen::MatrixXd;
using Eigen::VectorXcd;
using Eigen::VectorXd;
template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using std::numbers::pi;

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

Nplr nplr(std::string_view measure, int64_t N) {
  const Hippo system = hippo(measure, N);
  check(measure != "lmu",
        "nplr: lmu is not normal plus low rank in its scaling; use legt, the same system in the "
        "orthonormal one");
  check(system.correction.has_value(), "nplr: ", measure, " is not normal plus low rank");
  return nplr(system);
}

Nplr nplr(const Hippo& system) {
  check(system.correction.has_value(), "nplr: this system is not normal plus low rank");
  const Eigen::Index N = system.N, rank = system.correction->rank;
  check(N % 2 == 0, "nplr: expected an even N, of conjugate pairs, received ", N);

  const MatrixXd P =
      Eigen::Map<const RowMajor<double>>(system.correction->P.data(), rank, N).transpose();
  const double shift = system.correction->shift;
  MatrixXd S = Eigen::Map<const RowMajor<double>>(system.A.data(), N, N) + P * P.transpose();
  S.diagonal().array() -= shift;
  const Half half = half_of((S - S.transpose()) * 0.5);

  Nplr result{N, rank};
  for (const double w : half.w) result.lambda.emplace_back(shift, w);
  const size_t each = result.lambda.size();
  result.P.resize(each * static_cast<size_t>(rank));
  result.B.resize(each);
  result.V.resize(each * static_cast<size_t>(N));
  Eigen::Map<RowMajor<complex128>>(result.P.data(), rank, N / 2) =
      (half.V.adjoint() * P).transpose();
  Eigen::Map<VectorXcd>(result.B.data(), N / 2) =
      half.V.adjoint() * Eigen::Map<const VectorXd>(system.B.data(), N);
  Eigen::Map<RowMajor<complex128>>(result.V.data(), N, N / 2) = half.V;
  return result;
}

DplrSystem dplr_system(const Nplr& form) {
  const auto with_conjugates = [](const complex128* half, int64_t count,
                                  std::vector<complex128>& full) {
    full.insert(full.end(), half, half + count);
    for (int64_t n = 0; n < count; ++n) full.push_back(std::conj(half[n]));
  };
  DplrSystem result{.rank = form.rank};
  const int64_t half = form.N / 2;
  with_conjugates(form.lambda.data(), half, result.lambda);
  with_conjugates(form.B.data(), half, result.B);
  for (int64_t r = 0; r < form.rank; ++r) with_conjugates(form.P.data() + r * half, half, result.P);
  result.Q = result.P;
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
        "hippo: ", unknown_name("diagonal initialisation", init, known));
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
