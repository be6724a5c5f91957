// The numbers of dplr_scan's step, for all channels, from the parameters and back; in double. The
// notation is that of README.md.
#pragma once

#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "kernels/dplr_scan/dplr_scan.h"
#include "kernels/lane_table.h"
#include "kernels/optional_view.h"

namespace lw::kernels {

/// Entries of a table for each element of the state: a, b, 2C, E_0 ... E_{R-1}, P_0 ... P_{R-1}.
struct DplrEntries {
  int64_t rank;
  int64_t a() const { return 0; }
  int64_t b() const { return 1; }
  int64_t c() const { return 2; }
  int64_t e(int64_t r) const { return 3 + r; }
  int64_t p(int64_t r) const { return 3 + rank + r; }
  int64_t count() const { return 3 + 2 * rank; }
};

/// One channel in double.
struct DplrChannel {
  int64_t rank;
  double dt;
  std::vector<complex128> lambda, B, C, P, D, E;  // P, E [rank, state]
  double W[max_dplr_rank * max_dplr_rank] = {};   // [rank, rank]

  template <class T>
  DplrChannel(const DplrScan& in, const View<const std::complex<T>, 3>& p, int64_t h)
      : rank(in.P ? in.P.size(0) : 0), dt(static_cast<double>(in.dt.data<T>()[h])) {
    const auto row = [&](const Tensor& t, std::vector<complex128>& values) {
      const auto v = t.view<const std::complex<T>, 2>();
      for (int64_t n = 0; n < v.sizes[1]; ++n) values.emplace_back(v(h, n));
    };
    row(in.lambda, lambda);
    row(in.B, B);
    row(in.C, C);
    for (const complex128& l : lambda) D.push_back(1. / (2 / dt - l));
    for (int64_t r = 0; r < rank; ++r)
      for (size_t n = 0; n < lambda.size(); ++n) {
        P.emplace_back(p(r, h, static_cast<int64_t>(n)));
        E.push_back(D[n] * P.back());
      }
    invert();
  }

  int64_t states() const { return static_cast<int64_t>(lambda.size()); }
  complex128 e(size_t n) const { return 2 / dt + lambda[n]; }
  size_t at(int64_t r, int64_t n) const { return static_cast<size_t>(r * states() + n); }

 private:
  /// W = (I + P^* E)^{-1}
  void invert() {
    double M[max_dplr_rank][max_dplr_rank] = {};
    for (int64_t r = 0; r < rank; ++r)
      for (int64_t s = 0; s < rank; ++s) {
        M[r][s] = r == s ? 1 : 0;
        for (int64_t n = 0; n < states(); ++n)
          M[r][s] += 2 * (conj(P[at(r, n)]) * E[at(s, n)]).real();
      }
    if (rank == 1) W[0] = 1 / M[0][0];
    if (rank == 2) {
      const double determinant = M[0][0] * M[1][1] - M[0][1] * M[1][0];
      W[0] = M[1][1] / determinant;
      W[1] = -M[0][1] / determinant;
      W[2] = -M[1][0] / determinant;
      W[3] = M[0][0] / determinant;
    }
  }
};

template <class T>
struct DplrCoefficients {
  DplrEntries entries;
  LaneTable<T> table;
  std::vector<T> W;  // [block, rank, rank, lane]

  DplrCoefficients(const DplrScan& in, int64_t lanes)
      : entries{in.P ? in.P.size(0) : 0},
        table((in.lambda.size(0) + lanes - 1) / lanes, in.lambda.size(1), entries.count(), lanes),
        W(static_cast<size_t>((in.lambda.size(0) + lanes - 1) / lanes * entries.rank *
                              entries.rank * lanes)) {
    using C = std::complex<T>;
    const auto P = optional_view<const C, 3>(in.P);
    const int64_t R = entries.rank;
    parallel_for(in.lambda.size(0), 16, [&](int64_t begin, int64_t end) {
      for (int64_t h = begin; h < end; ++h) {
        const DplrChannel c(in, P, h);
        const int64_t block = h / lanes, lane = h % lanes;
        for (int64_t n = 0; n < c.states(); ++n) {
          const auto i = static_cast<size_t>(n);
          const auto put = [&](int64_t entry, complex128 value) {
            table.set(block, n, entry, lane, C(value));
          };
          put(entries.a(), c.D[i] * c.e(i));
          put(entries.b(), 2. * c.D[i] * c.B[i]);
          put(entries.c(), 2. * c.C[i]);
          for (int64_t r = 0; r < R; ++r) {
            put(entries.e(r), c.E[c.at(r, n)]);
            put(entries.p(r), c.P[c.at(r, n)]);
          }
        }
        for (int64_t i = 0; i < R * R; ++i)
          W[static_cast<size_t>((block * R * R + i) * lanes + lane)] = static_cast<T>(c.W[i]);
      }
    });
  }
};

/// From the gradients of the entries of channel h, [state, entry], and of W to those of the
/// parameters.
template <class T>
void dplr_chain(const DplrScan& in, int64_t h, const std::vector<complex128>& d, const double* dW,
                const DplrScanGradients& out) {
  using C = std::complex<T>;
  const auto P = optional_view<const C, 3>(in.P);
  const DplrChannel c(in, P, h);
  const int64_t R = c.rank;
  const DplrEntries entries{R};
  double dG[max_dplr_rank][max_dplr_rank] = {};  // -W^T dW W^T
  for (int64_t r = 0; r < R; ++r)
    for (int64_t s = 0; s < R; ++s)
      for (int64_t i = 0; i < R; ++i)
        for (int64_t k = 0; k < R; ++k) dG[r][s] -= c.W[i * R + r] * dW[i * R + k] * c.W[s * R + k];

  double drate = 0;  // of 2 / dt
  for (int64_t n = 0; n < c.states(); ++n) {
    const auto i = static_cast<size_t>(n);
    const complex128* g = d.data() + n * entries.count();
    const complex128 da = g[entries.a()], db = g[entries.b()];
    complex128 dD = da * conj(c.e(i)) + 2. * db * conj(c.B[i]);
    for (int64_t r = 0; r < R; ++r) {
      complex128 dE = g[entries.e(r)], dP = g[entries.p(r)];
      for (int64_t s = 0; s < R; ++s) {
        dE += 2 * dG[s][r] * c.P[c.at(s, n)];
        dP += 2 * dG[r][s] * c.E[c.at(s, n)];
      }
      dD += dE * conj(c.P[c.at(r, n)]);
      out.P.view<C, 3>()(r, h, n) = C(dP + dE * conj(c.D[i]));
    }
    const complex128 de = da * conj(c.D[i]), through = dD * conj(c.D[i] * c.D[i]);
    drate += (de - through).real();
    out.lambda.view<C, 2>()(h, n) = C(de + through);
    out.B.view<C, 2>()(h, n) = C(2. * db * conj(c.D[i]));
    out.C.view<C, 2>()(h, n) = C(2. * g[entries.c()]);
  }
  out.dt.data<T>()[h] = static_cast<T>(-2 / (c.dt * c.dt) * drate);
}

}  // namespace lw::kernels
