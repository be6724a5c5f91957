// A diagonal plus low-rank model as a dense one in double: the recurrence x_t = Abar x_{t-1} + Bbar
// u_t on the full state, to be read beside kernels/s4_kernel/README.md.
#pragma once

#include <cmath>
#include <complex>
#include <utility>
#include <vector>

#include "tests/reference/discretize.h"

namespace lw::reference {

/// A square matrix, row-major.
struct Matrix {
  int64_t N;
  std::vector<complex128> data;

  explicit Matrix(int64_t size) : N(size), data(static_cast<size_t>(size * size)) {}
  complex128& operator()(int64_t i, int64_t k) { return data[static_cast<size_t>(i * N + k)]; }
  complex128 operator()(int64_t i, int64_t k) const { return data[static_cast<size_t>(i * N + k)]; }
};

/// The solution of M X = right by elimination with pivoting; both are consumed.
inline Matrix solve(Matrix M, Matrix right) {
  const int64_t N = M.N;
  for (int64_t k = 0; k < N; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < N; ++i)
      if (std::abs(M(i, k)) > std::abs(M(pivot, k))) pivot = i;
    for (int64_t j = 0; j < N; ++j) {
      std::swap(M(k, j), M(pivot, j));
      std::swap(right(k, j), right(pivot, j));
    }
    for (int64_t i = 0; i < N; ++i) {
      if (i == k) continue;
      const complex128 factor = M(i, k) / M(k, k);
      for (int64_t j = 0; j < N; ++j) {
        M(i, j) -= factor * M(k, j);
        right(i, j) -= factor * right(k, j);
      }
    }
  }
  for (int64_t i = 0; i < N; ++i)
    for (int64_t j = 0; j < N; ++j) right(i, j) /= M(i, i);
  return right;
}

/// One channel; full vectors are the half ones followed by their conjugates.
struct Dplr {
  Matrix Abar;
  std::vector<complex128> Bbar;

  Dplr(const Tensor& dt, const Tensor& lambda, const Tensor& P, const Tensor& B, int64_t h)
      : Abar(2 * lambda.size(1)) {
    const int64_t half = lambda.size(1), N = 2 * half;
    const double step = dt.at({h});
    const auto full = [&](const Tensor& t, int64_t i) {
      return i < half ? complex_at(t, h, i) : conj(complex_at(t, h, i - half));
    };
    Matrix left(N), right(N);
    for (int64_t i = 0; i < N; ++i)
      for (int64_t k = 0; k < N; ++k) {
        complex128 A = i == k ? full(lambda, i) : 0.;
        for (int64_t r = 0; P && r < P.size(0); ++r) {
          const Tensor p = P.select(0, r);
          A -= full(p, i) * conj(full(p, k));
        }
        left(i, k) = (i == k ? 1. : 0.) - step / 2 * A;
        right(i, k) = (i == k ? 1. : 0.) + step / 2 * A;
      }
    Abar = solve(left, right);
    Matrix b(N);
    for (int64_t i = 0; i < N; ++i) b(i, 0) = step * full(B, i);
    b = solve(left, b);
    for (int64_t i = 0; i < N; ++i) Bbar.push_back(b(i, 0));
  }

  /// Abar x + Bbar u
  std::vector<complex128> advance(const std::vector<complex128>& x, double u) const {
    std::vector<complex128> next;
    for (int64_t i = 0; i < Abar.N; ++i) {
      complex128 sum = Bbar[static_cast<size_t>(i)] * u;
      for (int64_t k = 0; k < Abar.N; ++k) sum += Abar(i, k) * x[static_cast<size_t>(k)];
      next.push_back(sum);
    }
    return next;
  }
  /// The row vector c Abar.
  std::vector<complex128> advance_row(const std::vector<complex128>& c) const {
    std::vector<complex128> next;
    for (int64_t k = 0; k < Abar.N; ++k) {
      complex128 sum = 0;
      for (int64_t i = 0; i < Abar.N; ++i) sum += c[static_cast<size_t>(i)] * Abar(i, k);
      next.push_back(sum);
    }
    return next;
  }
};

/// Values followed by their conjugates.
inline std::vector<complex128> with_conjugates(std::vector<complex128> half) {
  for (size_t i = 0, n = half.size(); i < n; ++i) half.push_back(conj(half[i]));
  return half;
}

inline complex128 inner(const std::vector<complex128>& c, const std::vector<complex128>& x) {
  complex128 sum = 0;
  for (size_t i = 0; i < c.size(); ++i) sum += c[i] * x[i];
  return sum;
}

/// Row h of a complex matrix.
inline std::vector<complex128> row_of(const Tensor& t, int64_t h) {
  std::vector<complex128> row;
  for (int64_t n = 0; n < t.size(1); ++n) row.push_back(complex_at(t, h, n));
  return row;
}

}  // namespace lw::reference
