// The backward pass of dplr_scan on a GPU; see README.md, "Gradient". Internal; for .cu files.
#pragma once

#include "kernels/dplr_scan/dplr_team_cuda.h"

namespace lw::kernels {

/// What the backward pass keeps in global memory.
template <class T>
struct DplrKept {
  Complex<T>* starts;  // [batch, chunk, channel, state]: before each chunk
  T* first;            // [batch, chunk, channel, rank]: its projection
  Complex<T>* sums;    // [batch, channel, entry, state]: gradients of the entries
  T* products;         // [batch, channel, ...]: what Sums adds up beside them
  int64_t chunks;
  int steps;  // of a chunk
};

/// Shared memory of a block, for chunks of `steps` steps.
template <class T, int kRank, int kStates>
struct DplrTile {
  Complex<T>* x;  // [steps + 1, element of a lane, thread]: before each step, and after the last
  T *u, *dy, *parts;  // rows of the teams; what their lanes add up
  T* q;               // [steps + 1, rank, team]

  static int64_t bytes(int threads, int teams, int pitch, int steps) {
    return int64_t{sizeof(T)} *
           ((steps + 1) * (2 * kStates * threads + kRank * teams) + steps * teams * (2 + pitch));
  }
  __device__ DplrTile(const DplrProblem<T>& p, int steps) {
    x = cuda::dynamic_shared<Complex<T>>();
    u = reinterpret_cast<T*>(x + (steps + 1) * kStates * static_cast<int>(blockDim.x));
    dy = u + steps * p.teams;
    parts = dy + steps * p.teams;
    q = parts + steps * p.teams * p.pitch();
  }
};

/// The gradients that a lane adds up over time.
template <class T, int kRank, int kStates>
struct DplrSums {
  using Team = DplrTeam<T, kRank, kStates>;
  using Z = Complex<T>;
  Z da[kStates] = {}, db[kStates] = {}, dC[kStates] = {};
  Z dE[Team::ranks][kStates] = {}, dP[Team::ranks][kStates] = {};
  T products[Team::ranks][Team::ranks] = {};  // sum over t of kappa k^T

  /// Step t back. q and k are the projections before and after it; `rho` and `dq` hold the
  /// gradients of what is after, and then of what is before. Returns this lane's part of du.
  __device__ T retreat(const Team& team, int64_t t, T u, T dy, const Z (&before)[kStates],
                       const Z (&after)[kStates], const T (&q)[Team::ranks],
                       const T (&k)[Team::ranks], Z (&rho)[kStates], T (&dq)[Team::ranks]) {
    const bool fresh = team.starts(t);
    T dk[Team::ranks] = {}, ds[Team::ranks] = {};
#pragma unroll
    for (int i = 0; i < kStates; ++i) {
      rho[i] = add_scaled(rho[i], dy, conj(team.C[i]));
      dC[i] = add_scaled(dC[i], dy, conj(after[i]));
    }
#pragma unroll
    for (int r = 0; r < kRank; ++r) {
      T part = 0;
#pragma unroll
      for (int i = 0; i < kStates; ++i) {
        part = add_real_product(part, team.E[r][i], rho[i]);
        dE[r][i] = add_scaled(dE[r][i], -k[r], rho[i]);
      }
      dk[r] = dq[r] - team.sum(part);
    }
#pragma unroll
    for (int r = 0; r < kRank; ++r)
#pragma unroll
      for (int l = 0; l < kRank; ++l) {
        ds[r] = std::fma(2 * team.W[l][r], dk[l], ds[r]);
        products[r][l] = std::fma(dk[r], k[l], products[r][l]);
      }

    T du = 0, parts[Team::ranks] = {};
#pragma unroll
    for (int i = 0; i < kStates; ++i) {
      Z dg = rho[i], g = after[i];
#pragma unroll
      for (int r = 0; r < kRank; ++r) {
        dg = add_scaled(dg, ds[r], team.P[r][i]);
        g = add_scaled(g, k[r], team.E[r][i]);
      }
#pragma unroll
      for (int r = 0; r < kRank; ++r) dP[r][i] = add_scaled(dP[r][i], ds[r], g);
      db[i] = add_scaled(db[i], u, dg);
      du = add_real_product(du, team.b2[i], dg);
      rho[i] = {0, 0};
      if (fresh) continue;
      da[i] = add_conj_product(da[i], before[i], dg);
      rho[i] = add_conj_product(rho[i], team.a[i], dg);
#pragma unroll
      for (int r = 0; r < kRank; ++r) {
        dE[r][i] = add_scaled(dE[r][i], -q[r], dg);
        parts[r] = add_real_product(parts[r], team.E[r][i], dg);
      }
    }
#pragma unroll
    for (int r = 0; r < kRank; ++r) dq[r] = fresh ? T{0} : -team.sum(parts[r]);
    return du;
  }

  /// What the projection of the initial state adds.
  __device__ void finish(const Team& team, const Z (&initial)[kStates], const T (&dq)[Team::ranks],
                         Z (&rho)[kStates]) {
#pragma unroll
    for (int i = 0; i < kStates; ++i)
#pragma unroll
      for (int r = 0; r < kRank; ++r) {
        rho[i] = add_scaled(rho[i], 2 * dq[r], team.P[r][i]);
        dP[r][i] = add_scaled(dP[r][i], 2 * dq[r], initial[i]);
      }
  }

  __device__ void store(const Team& team, const DplrKept<T>& kept) const {
    const auto& p = team.p;
    const int64_t row = team.b * p.channels + team.c;
    team.for_states([&](int i, int64_t n) {
      const auto put = [&](int64_t entry, Z value) {
        kept.sums[(row * Team::entries().count() + entry) * p.states + n] = value;
      };
      put(Team::entries().a(), da[i]);
      put(Team::entries().b(), db[i]);
      put(Team::entries().c(), dC[i]);
#pragma unroll
      for (int r = 0; r < kRank; ++r) {
        put(Team::entries().e(r), dE[r][i]);
        put(Team::entries().p(r), dP[r][i]);
      }
    });
    if (team.lane > 0 || team.c >= p.channels) return;
#pragma unroll
    for (int r = 0; r < kRank; ++r)
#pragma unroll
      for (int l = 0; l < kRank; ++l) kept.products[(row * kRank + r) * kRank + l] = products[r][l];
  }
};

/// Sums: DplrSums, or MidpointSums.
template <class Sums, class T, int kRank, int kStates>
__global__ void __launch_bounds__(dplr_threads / kStates, 1)
    dplr_backward_kernel(const DplrProblem<T> p, View<const T, 3> dy, View<Complex<T>, 3> dlast,
                         View<T, 3> du, View<Complex<T>, 3> dinitial, const DplrKept<T> kept) {
  using Team = typename Sums::Team;
  using Z = Complex<T>;
  const Team team(p);
  const DplrTile<T, kRank, kStates> tile(p, kept.steps);
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  const auto steps_of = [&](int64_t chunk) {
    const int64_t left = p.time - chunk * kept.steps;
    return left < kept.steps ? static_cast<int>(left) : kept.steps;
  };
  const auto checkpoint = [&](int64_t chunk, const auto& f) {
    const int64_t row = (team.b * kept.chunks + chunk) * p.channels + team.c;
    team.for_states([&](int i, int64_t n) { f.state(i, kept.starts[row * p.states + n]); });
    if (team.c < p.channels)
      for (int r = 0; r < kRank; ++r) f.projection(r, kept.first[row * kRank + r]);
  };
  struct Save {
    Z (&x)[kStates];
    T (&q)[Team::ranks];
    __device__ void state(int i, Z& at) const { at = x[i]; }
    __device__ void projection(int r, T& at) const { at = q[r]; }
  };
  struct Restore {
    Z (&x)[kStates];
    T (&q)[Team::ranks];
    __device__ void state(int i, Z& at) const { x[i] = at; }
    __device__ void projection(int r, T& at) const { q[r] = at; }
  };

  Z x[kStates], initial[kStates];
  T q[Team::ranks] = {};
  team.read_state(p.state, initial);
  team.read_state(p.state, x);
  team.project(x, q);
  for (int64_t chunk = 0; chunk < kept.chunks; ++chunk) {
    checkpoint(chunk, Save{x, q});
    if (chunk + 1 == kept.chunks) break;
    team.read(p.u, chunk * kept.steps, kept.steps, tile.u);
    __syncthreads();
    for (int i = 0; i < kept.steps; ++i)
      team.advance(chunk * kept.steps + i, tile.u[i * p.teams + team.team], x, q);
    __syncthreads();  // before the next chunk is read
  }

  Sums sums;
  Z rho[kStates];
  T dq[Team::ranks] = {};
  team.read_state(dlast, rho);
  for (int64_t chunk = kept.chunks - 1; chunk >= 0; --chunk) {
    const int64_t begin = chunk * kept.steps;
    const int steps = steps_of(chunk);
    team.read(p.u, begin, steps, tile.u);
    team.read(dy, begin, steps, tile.dy);
    checkpoint(chunk, Restore{x, q});
    __syncthreads();
    const auto keep = [&](int i) {
#pragma unroll
      for (int k = 0; k < kStates; ++k) tile.x[(i * kStates + k) * threads + thread] = x[k];
      if (team.lane == 0)
        for (int r = 0; r < kRank; ++r) tile.q[(i * kRank + r) * p.teams + team.team] = q[r];
    };
    const auto find = [&](int i, Z(&state)[kStates], T(&projection)[Team::ranks]) {
#pragma unroll
      for (int k = 0; k < kStates; ++k) state[k] = tile.x[(i * kStates + k) * threads + thread];
      for (int r = 0; r < kRank; ++r) projection[r] = tile.q[(i * kRank + r) * p.teams + team.team];
    };
    keep(0);
    for (int i = 0; i < steps; ++i) {
      team.advance(begin + i, tile.u[i * p.teams + team.team], x, q);
      keep(i + 1);
    }
    __syncwarp();  // a team reads the projections that its first lane kept
    for (int i = steps - 1; i >= 0; --i) {
      Z before[kStates], after[kStates];
      T q_before[Team::ranks] = {}, q_after[Team::ranks] = {};
      find(i, before, q_before);
      find(i + 1, after, q_after);
      team.part(tile.parts, i) =
          sums.retreat(team, begin + i, tile.u[i * p.teams + team.team],
                       tile.dy[i * p.teams + team.team], before, after, q_before, q_after, rho, dq);
    }
    __syncthreads();
    team.write(tile.parts, begin, steps, du);
    __syncthreads();
  }

  sums.finish(team, initial, dq, rho);
  sums.store(team, kept);
  team.write_state(rho, dinitial);
}

}  // namespace lw::kernels
