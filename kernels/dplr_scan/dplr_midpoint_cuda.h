// The steps of dplr_scan at irregular times on a GPU, for a team of lanes that has one channel; the notation is
// that of README.md, "Irregular times". Internal; for .cu files.
#pragma once

#include "kernels/dplr_scan/dplr_backward_cuda.h"

namespace lw::kernels {

template <class T, int kRank, int kStates>
struct MidpointTeam : DplrPlace<T, kStates> {
  static constexpr int ranks = kRank > 0 ? kRank : 1;
  LW_HOST_DEVICE static constexpr MidpointEntries entries() { return {kRank}; }
  using Z = Complex<T>;
  using Place = DplrPlace<T, kStates>;
  using Place::p, Place::c, Place::b;

  Z lambda[kStates] = {}, B[kStates] = {}, C[kStates] = {}, P[ranks][kStates] = {};
  T dt = 0;

  __device__ explicit MidpointTeam(const DplrProblem<T>& problem) : Place(problem) {
    this->for_states([&](int k, int64_t n) {
      const auto entry = [&](int64_t i) {
        return p.entries[(c * entries().count() + i) * p.states + n];
      };
      lambda[k] = entry(entries().lambda()), B[k] = entry(entries().b());
      C[k] = entry(entries().c());
#pragma unroll
      for (int r = 0; r < kRank; ++r) P[r][k] = entry(entries().p(r));
    });
    if (c < p.channels) dt = p.W[c];
  }

  __device__ T half_interval(int64_t t) const { return T(0.5) * p.intervals(b, t); }

  /// 2 Re sum conj(P_n) x_n
  __device__ void project(const Z (&x)[kStates], T (&q)[ranks]) const {
#pragma unroll
    for (int r = 0; r < kRank; ++r) {
      T part = 0;
#pragma unroll
      for (int i = 0; i < kStates; ++i) part = add_real_product(part, P[r][i], x[i]);
      q[r] = 2 * this->sum(part);
    }
  }

  /// s becomes (I - h A)^{-1} s, or that of the adjoint; k its projection.
  template <bool kAdjoint>
  __device__ void solve_shifted(T h, Z (&s)[kStates], T (&k)[ranks]) const {
    Z inverse[kStates];
#pragma unroll
    for (int i = 0; i < kStates; ++i) {
      inverse[i] = Z{1, 0} / Z{1 - h * lambda[i].re, -h * lambda[i].im};
      if constexpr (kAdjoint) inverse[i] = conj(inverse[i]);
      s[i] = inverse[i] * s[i];
    }
    if constexpr (kRank == 0) return;
    T q[ranks] = {}, G[ranks][ranks] = {};  // P^* of s and, with I added, h P^* of inverse P
    project(s, q);
#pragma unroll
    for (int l = 0; l < kRank; ++l) {
      Z column[kStates];
      T projection[ranks] = {};
#pragma unroll
      for (int i = 0; i < kStates; ++i) column[i] = inverse[i] * P[l][i];
      project(column, projection);
#pragma unroll
      for (int r = 0; r < kRank; ++r) G[r][l] = (r == l ? 1 : 0) + h * projection[r];
    }
    if constexpr (kRank == 1) {
      k[0] = q[0] / G[0][0];
    } else {
      const T determinant = G[0][0] * G[1][1] - G[0][1] * G[1][0];
      k[0] = (G[1][1] * q[0] - G[0][1] * q[1]) / determinant;
      k[1] = (G[0][0] * q[1] - G[1][0] * q[0]) / determinant;
    }
#pragma unroll
    for (int i = 0; i < kStates; ++i) {
      Z sum = {0, 0};
#pragma unroll
      for (int r = 0; r < kRank; ++r) sum = add_scaled(sum, k[r], P[r][i]);
      s[i] = add_product(s[i], -h * inverse[i], sum);
    }
  }

  /// Step t of the state x; q is not used.
  __device__ void advance(int64_t t, T u, Z (&x)[kStates], T (&)[ranks]) const {
    const T h = half_interval(t) * dt;
    const bool fresh = this->starts(t);
    Z m[kStates];
    T k[ranks] = {};
#pragma unroll
    for (int i = 0; i < kStates; ++i) {
      if (fresh) x[i] = {0, 0};
      m[i] = add_scaled(x[i], h * u, B[i]);
    }
    solve_shifted<false>(h, m, k);
#pragma unroll
    for (int i = 0; i < kStates; ++i) x[i] = T(2) * m[i] - x[i];
  }
};

/// The gradients that a lane adds up over time.
template <class T, int kRank, int kStates>
struct MidpointSums {
  using Team = MidpointTeam<T, kRank, kStates>;
  using Z = Complex<T>;
  Z dlambda[kStates] = {}, dB[kStates] = {}, dC[kStates] = {}, dP[Team::ranks][kStates] = {};
  T ddt = 0;

  /// Step t back; see DplrSums.
  __device__ T retreat(const Team& team, int64_t t, T u, T dy, const Z (&before)[kStates],
                       const Z (&after)[kStates], const T (&)[Team::ranks],
                       const T (&)[Team::ranks], Z (&rho)[kStates], T (&)[Team::ranks]) {
    const bool fresh = team.starts(t);
    const T h = team.half_interval(t) * team.dt;
    Z m[kStates], s[kStates];
    T k[Team::ranks] = {}, ks[Team::ranks] = {};  // P^* of m and of s
#pragma unroll
    for (int i = 0; i < kStates; ++i) {
      rho[i] = add_scaled(rho[i], dy, conj(team.C[i]));
      dC[i] = add_scaled(dC[i], dy, conj(after[i]));
      m[i] = T(0.5) * (fresh ? after[i] : before[i] + after[i]);
      s[i] = T(2) * rho[i];
    }
    team.project(m, k);
    team.template solve_shifted<true>(h, s, ks);

    T du = 0, dh = 0;
#pragma unroll
    for (int i = 0; i < kStates; ++i) {
      Z slope = add_product(u * team.B[i], team.lambda[i], m[i]);  // A m + B u
#pragma unroll
      for (int r = 0; r < kRank; ++r) {
        slope = add_scaled(slope, -k[r], team.P[r][i]);
        dP[r][i] = add_scaled(add_scaled(dP[r][i], -h * k[r], s[i]), -h * ks[r], m[i]);
      }
      dh = add_real_product(dh, s[i], slope);
      du = add_real_product(du, team.B[i], s[i]);
      dlambda[i] = add_conj_product(dlambda[i], m[i], h * s[i]);
      dB[i] = add_scaled(dB[i], h * u, s[i]);
      rho[i] = fresh ? Z{0, 0} : s[i] - rho[i];
    }
    ddt = std::fma(team.half_interval(t), dh, ddt);
    return h * du;
  }

  __device__ void finish(const Team&, const Z (&)[kStates], const T (&)[Team::ranks],
                         Z (&)[kStates]) {}

  __device__ void store(const Team& team, const DplrKept<T>& kept) const {
    const auto& p = team.p;
    const int64_t row = team.b * p.channels + team.c;
    team.for_states([&](int i, int64_t n) {
      const auto put = [&](int64_t entry, Z value) {
        kept.sums[(row * Team::entries().count() + entry) * p.states + n] = value;
      };
      put(Team::entries().lambda(), dlambda[i]);
      put(Team::entries().b(), dB[i]);
      put(Team::entries().c(), dC[i]);
#pragma unroll
      for (int r = 0; r < kRank; ++r) put(Team::entries().p(r), dP[r][i]);
    });
    const T total = team.sum(ddt);
    if (team.lane == 0 && team.c < p.channels) kept.products[row] = total;
  }
};

}  // namespace lw::kernels
