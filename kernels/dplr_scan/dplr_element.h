// The numbers of dplr_scan's step for one element of channel x state, in double, and the way back from
// their gradients to the parameters. For the CPU and for CUDA kernels; the notation is that of README.md.
// Internal.
#pragma once

#include "core/complex_number.h"
#include "kernels/dplr_scan/dplr_scan.h"

namespace lw::kernels {

/// Entries of an element: a, b, 2C, E_0 ... E_{R-1}, P_0 ... P_{R-1}.
struct DplrEntries {
  int64_t rank;
  LW_HOST_DEVICE constexpr int64_t a() const { return 0; }
  LW_HOST_DEVICE constexpr int64_t b() const { return 1; }
  LW_HOST_DEVICE constexpr int64_t c() const { return 2; }
  LW_HOST_DEVICE constexpr int64_t e(int64_t r) const { return 3 + r; }
  LW_HOST_DEVICE constexpr int64_t p(int64_t r) const { return 3 + rank + r; }
  LW_HOST_DEVICE constexpr int64_t count() const { return 3 + 2 * rank; }
};

/// Entries of an element at irregular times: lambda, B, 2C, P_0 ... P_{R-1}.
struct MidpointEntries {
  int64_t rank;
  LW_HOST_DEVICE constexpr int64_t lambda() const { return 0; }
  LW_HOST_DEVICE constexpr int64_t b() const { return 1; }
  LW_HOST_DEVICE constexpr int64_t c() const { return 2; }
  LW_HOST_DEVICE constexpr int64_t p(int64_t r) const { return 3 + r; }
  LW_HOST_DEVICE constexpr int64_t count() const { return 3 + rank; }
};

/// A real matrix [rank, rank].
struct DplrMatrix {
  double v[max_dplr_rank][max_dplr_rank] = {};

  /// (I + this)^{-1}
  LW_HOST_DEVICE DplrMatrix inverse_with_identity(int64_t rank) const {
    DplrMatrix W;
    if (rank == 1) W.v[0][0] = 1 / (1 + v[0][0]);
    if (rank == 2) {
      const double a = 1 + v[0][0], b = v[0][1], c = v[1][0], d = 1 + v[1][1];
      const double determinant = a * d - b * c;
      W.v[0][0] = d / determinant;
      W.v[0][1] = -b / determinant;
      W.v[1][0] = -c / determinant;
      W.v[1][1] = a / determinant;
    }
    return W;
  }
  /// -W^T dW W^T, from the gradient of W = (I + G)^{-1} to that of G; this is W.
  LW_HOST_DEVICE DplrMatrix inverse_gradient(int64_t rank, const DplrMatrix& dW) const {
    DplrMatrix dG;
    for (int64_t r = 0; r < rank; ++r)
      for (int64_t s = 0; s < rank; ++s)
        for (int64_t i = 0; i < rank; ++i)
          for (int64_t k = 0; k < rank; ++k) dG.v[r][s] -= v[i][r] * dW.v[i][k] * v[s][k];
    return dG;
  }
};

struct DplrElement {
  using Z = Complex<double>;

  int64_t rank;
  double rate;  // 2 / dt
  Z lambda, B, C, D, P[max_dplr_rank], E[max_dplr_rank];

  /// column(r) gives P_r.
  template <class Column>
  LW_HOST_DEVICE DplrElement(int64_t R, double dt, Z l, Z b, Z c, const Column& column)
      : rank(R), rate(2 / dt), lambda(l), B(b), C(c), D(Z{1, 0} / (Z{rate, 0} - l)) {
    for (int64_t r = 0; r < rank; ++r) {
      P[r] = column(r);
      E[r] = D * P[r];
    }
  }

  LW_HOST_DEVICE Z e() const { return Z{rate, 0} + lambda; }

  /// Adds its part of P^* E.
  LW_HOST_DEVICE void add_projection(DplrMatrix& G) const {
    for (int64_t r = 0; r < rank; ++r)
      for (int64_t s = 0; s < rank; ++s) G.v[r][s] += 2 * (conj(P[r]) * E[s]).re;
  }

  /// Calls put(entry, value) for all entries.
  template <class Put>
  LW_HOST_DEVICE void write(const Put& put) const {
    const DplrEntries entries{rank};
    put(entries.a(), D * e());
    put(entries.b(), 2. * (D * B));
    put(entries.c(), 2. * C);
    for (int64_t r = 0; r < rank; ++r) {
      put(entries.e(r), E[r]);
      put(entries.p(r), P[r]);
    }
  }

  struct Gradients {
    Z lambda, B, C, P[max_dplr_rank];
    double rate;
  };
  /// From the gradients of the entries and of G = P^* E.
  LW_HOST_DEVICE Gradients gradients(const Z* d, const DplrMatrix& dG) const {
    const DplrEntries entries{rank};
    const Z da = d[entries.a()], db = d[entries.b()];
    Gradients out;
    Z dD = da * conj(e()) + 2. * (db * conj(B));
    for (int64_t r = 0; r < rank; ++r) {
      Z dE = d[entries.e(r)], dP = d[entries.p(r)];
      for (int64_t s = 0; s < rank; ++s) {
        dE += 2 * dG.v[s][r] * P[s];
        dP += 2 * dG.v[r][s] * E[s];
      }
      dD += dE * conj(P[r]);
      out.P[r] = dP + dE * conj(D);
    }
    const Z de = da * conj(D), through = dD * conj(D * D);
    out.rate = de.re - through.re;
    out.lambda = de + through;
    out.B = 2. * (db * conj(D));
    out.C = 2. * d[entries.c()];
    return out;
  }
};

/// Calls f(TypeTag<T>(), std::integral_constant<int, R>()).
template <class F>
void for_type_and_rank(const DplrScan& in, F&& f) {
  for_float("dplr_scan", in.u.dtype(), [&](auto tag) {
    switch (in.P ? in.P.size(0) : 0) {
      case 0:
        return f(tag, std::integral_constant<int, 0>());
      case 1:
        return f(tag, std::integral_constant<int, 1>());
      default:
        return f(tag, std::integral_constant<int, 2>());
    }
  });
}

}  // namespace lw::kernels
