#include "layers/state_space.h"

#define EIGEN_DONT_PARALLELIZE  // threads come from core/parallel.h alone
#include <Eigen/Dense>
#include <cmath>
#include <unsupported/Eigen/MatrixFunctions>

#include "kernels/discretize/pole.h"
#include "layers/unknown_name.h"

namespace lw {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

template <class T>
Eigen::Map<const RowMajor<T>> rows(const std::vector<T>& values, int64_t N, int64_t columns) {
  return {values.data(), N, columns};
}

template <class T>
Eigen::Map<const Vector<T>> column(const std::vector<T>& values) {
  return {values.data(), static_cast<Eigen::Index>(values.size())};
}

template <class T, class Derived>
std::vector<T> flat(const Eigen::MatrixBase<Derived>& matrix) {
  std::vector<T> values(static_cast<size_t>(matrix.size()));
  Eigen::Map<RowMajor<T>>(values.data(), matrix.rows(), matrix.cols()) = matrix;
  return values;
}

void check_step(const SamplingRule& rule, double step) {
  check(std::isfinite(step) && step > 0, "discretize: expected a positive step, received ", step);
  check(rule.alpha >= 0 && rule.alpha <= 1, "discretize: expected alpha in [0, 1], received ",
        rule.alpha);
}

void check_solved(bool solved, const SamplingRule& rule, double step) {
  check(solved, "discretize: I - alpha step A is singular for alpha = ", rule.alpha,
        ", step = ", step,
        ", so A has a growing mode that this step does not resolve; take a smaller one");
}

/// e^{dA} and the integral of e^{sA} B, as the upper blocks of exp(d [A B; 0 0]): no inverse of A.
template <class T>
struct Held {
  Matrix<T> Abar;
  Vector<T> Bbar;
};

template <class T>
Held<T> held(const Matrix<T>& A, const Vector<T>& B, double step) {
  const Eigen::Index N = A.rows();
  Matrix<T> block = Matrix<T>::Zero(N + 1, N + 1);
  block.topLeftCorner(N, N) = step * A;
  block.topRightCorner(N, 1) = step * B;
  const Matrix<T> result = block.exp();
  return {result.topLeftCorner(N, N), result.topRightCorner(N, 1)};
}

}  // namespace

const std::vector<std::string>& sampling_rules() {
  static const std::vector<std::string> names{"forward", "backward", "bilinear", "zoh"};
  return names;
}

SamplingRule sampling_rule(std::string_view name) {
  if (name == "forward") return {0};
  if (name == "backward") return {1};
  if (name == "bilinear") return {0.5};
  if (name == "zoh") return {.zoh = true};
  throw Error(unknown_name("discretization", name, sampling_rules()));
}

SamplingRule generalized_bilinear(double alpha) {
  check(alpha >= 0 && alpha <= 1, "generalized_bilinear: expected alpha in [0, 1], received ",
        alpha);
  return {alpha};
}

DenseSystem discretize(const DenseSystem& system, const SamplingRule& rule, double step) {
  check_step(rule, step);
  const int64_t N = system.N;
  check(std::ssize(system.A) == N * N && std::ssize(system.B) == N, "discretize: expected A of ", N,
        " x ", N, " and B of ", N, " numbers, received ", system.A.size(), " and ",
        system.B.size());
  const Matrix<double> A = rows(system.A, N, N);
  const Vector<double> B = column(system.B);
  if (rule.zoh) {
    const Held<double> result = held<double>(A, B, step);
    return {N, flat<double>(result.Abar), flat<double>(result.Bbar)};
  }
  const Matrix<double> I = Matrix<double>::Identity(N, N);
  const Eigen::PartialPivLU<Matrix<double>> implicit(I - rule.alpha * step * A);
  const Matrix<double> Abar = implicit.solve(I + (1 - rule.alpha) * step * A);
  check_solved(Abar.allFinite(), rule, step);
  return {N, flat<double>(Abar), flat<double>(implicit.solve(step * B))};
}

DiagonalSystem discretize(const DiagonalSystem& system, const SamplingRule& rule, double step) {
  check_step(rule, step);
  check(system.lambda.size() == system.B.size(),
        "discretize: expected as many elements of B as of ", "lambda, ", system.lambda.size(),
        ", received ", system.B.size());
  DiagonalSystem result = system;
  for (size_t n = 0; n < system.lambda.size(); ++n) {
    const complex128 z = step * system.lambda[n];
    if (rule.zoh) {
      kernels::DiscretePole<complex128> pole{.p = std::exp(z)};
      kernels::zero_order_hold(z, pole);
      result.lambda[n] = pole.p;
      result.B[n] *= step * pole.f;
    } else {
      const complex128 implicit = 1. - rule.alpha * z;
      check_solved(implicit != 0., rule, step);
      result.lambda[n] = (1. + (1 - rule.alpha) * z) / implicit;
      result.B[n] *= step / implicit;
    }
  }
  return result;
}

DplrSystem discretize(const DplrSystem& system, const SamplingRule& rule, double step) {
  check_step(rule, step);
  const auto N = std::ssize(system.lambda);
  const int64_t rank = system.rank;
  check(std::ssize(system.B) == N && std::ssize(system.P) == rank * N &&
            std::ssize(system.Q) == rank * N,
        "discretize: expected B of ", N, " and P, Q of ", rank, " x ", N, " numbers, received ",
        system.B.size(), ", ", system.P.size(), ", ", system.Q.size());
  const Matrix<complex128> P = rows(system.P, rank, N).transpose();
  const Matrix<complex128> Qt = rows(system.Q, rank, N).conjugate();  // Q^*
  const Vector<complex128> lambda = column(system.lambda), B = column(system.B);
  if (rule.zoh) {
    Matrix<complex128> A = -P * Qt;
    A.diagonal() += lambda;
    const Held<complex128> result = held<complex128>(A, B, step);
    const Vector<complex128> decay = (step * lambda).array().exp();
    Matrix<complex128> rest = -result.Abar;
    rest.diagonal() += decay;
    const Matrix<complex128> I = Matrix<complex128>::Identity(N, N);
    return {N, flat<complex128>(decay), flat<complex128>(result.Bbar),
            flat<complex128>(rest.transpose()), flat<complex128>(I)};
  }
  // (I - a d A)^-1 = E - a d E P W Q^* E,  E = (I - a d Lambda)^-1,  W = (I + a d Q^* E P)^-1,
  // and Abar = E (I + (1-a) d Lambda) - d E P W Q^* E
  const double implicit = rule.alpha * step;
  const Vector<complex128> E = (1. - implicit * lambda.array()).inverse();
  const Matrix<complex128> EP = E.asDiagonal() * P, QE = Qt * E.asDiagonal();
  const Matrix<complex128> W =
      (Matrix<complex128>::Identity(rank, rank) + implicit * (Qt * EP)).inverse();
  const Vector<complex128> decay = E.array() * (1. + (1 - rule.alpha) * step * lambda.array());
  const Matrix<complex128> Pbar = step * (EP * W);
  const Vector<complex128> solved = E.cwiseProduct(B) - implicit * (EP * (W * (QE * B)));
  const Vector<complex128> Bbar = step * solved;
  check_solved(decay.allFinite() && Pbar.allFinite() && Bbar.allFinite(), rule, step);
  return {rank, flat<complex128>(decay), flat<complex128>(Bbar), flat<complex128>(Pbar.transpose()),
          flat<complex128>(QE.conjugate())};
}

}  // namespace lw
