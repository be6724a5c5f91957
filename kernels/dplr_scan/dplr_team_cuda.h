// The team of lanes that has one channel of dplr_scan on a GPU: its numbers in registers, its sums by
// exchanges. The notation is that of README.md. Internal; for .cu files.
#pragma once

#include "kernels/complex_cuda.h"
#include "kernels/dplr_scan/dplr_element.h"
#include "kernels/segments.h"

namespace lw::kernels {

/// Threads of a block; fewer by the elements of the state that a thread has in registers.
inline constexpr int dplr_threads = 256;

/// The arguments, and the numbers of the step that follow from them: of DplrTeam, or of MidpointTeam.
template <class T>
struct DplrProblem {
  View<const T, 3> u;
  View<Complex<T>, 3> state;  // without data: zero
  View<const uint8_t, 2> resets;
  View<const T, 2> intervals;  // of MidpointTeam
  const Complex<T>* entries;   // [channel, entry, state]
  const T* W;                  // [channel, rank, rank]; of MidpointTeam dt [channel]
  int64_t batch, time, channels, states;
  int lanes;       // of a team: a power of two up to a warp
  int teams;       // of a block
  int64_t panels;  // blocks of a batch row

  LW_HOST_DEVICE int pitch() const { return lanes + 1; }  // of what a team's lanes add up
};

/// This thread's place: lane `lane` of the team of channel c of row b; it has the elements lane,
/// lane + lanes, ... of the state.
template <class T, int kStates>
struct DplrPlace {
  using Z = Complex<T>;

  const DplrProblem<T>& p;
  int lane, team;
  int64_t b, first, c;

  __device__ explicit DplrPlace(const DplrProblem<T>& problem)
      : p(problem),
        lane(static_cast<int>(threadIdx.x) % p.lanes),
        team(static_cast<int>(threadIdx.x) / p.lanes),
        b(blockIdx.x / p.panels),
        first(blockIdx.x % p.panels * p.teams),
        c(first + team) {}

  /// f(k, n) for the elements of this lane that exist.
  template <class F>
  __device__ void for_states(const F& f) const {
#pragma unroll
    for (int k = 0; k < kStates; ++k) {
      const int64_t n = lane + k * p.lanes;
      if (c < p.channels && n < p.states) f(k, n);
    }
  }
  /// The sum over the team; every lane gets it.
  __device__ T sum(T x) const {
    for (int distance = p.lanes / 2; distance > 0; distance /= 2)
      x += __shfl_xor_sync(0xffffffffu, x, distance);
    return x;
  }
  __device__ bool starts(int64_t t) const { return starts_at(p.resets, b, t); }
  __device__ void read_state(const View<Z, 3>& from, Z (&x)[kStates]) const {
#pragma unroll
    for (int k = 0; k < kStates; ++k) x[k] = {0, 0};
    if (from.data) for_states([&](int k, int64_t n) { x[k] = from(b, c, n); });
  }
  __device__ void write_state(const Z (&x)[kStates], const View<Z, 3>& to) const {
    if (to.data) for_states([&](int k, int64_t n) { to(b, c, n) = x[k]; });
  }

  /// rows[i, team] = source[b, begin + i, channels of the block]
  __device__ void read(const View<const T, 3>& source, int64_t begin, int steps, T* rows) const {
    for (int i = static_cast<int>(threadIdx.x); i < steps * p.teams;
         i += static_cast<int>(blockDim.x)) {
      const int64_t channel = first + i % p.teams;
      rows[i] = channel < p.channels ? source(b, begin + i / p.teams, channel) : T{0};
    }
  }
  /// Where step i of this lane goes, and the sums over the lanes of each team as rows of `out`.
  __device__ T& part(T* parts, int i) const {
    return parts[(i * p.teams + team) * p.pitch() + lane];
  }
  __device__ void write(const T* parts, int64_t begin, int steps, const View<T, 3>& out) const {
    for (int i = static_cast<int>(threadIdx.x); i < steps * p.teams;
         i += static_cast<int>(blockDim.x)) {
      const int64_t channel = first + i % p.teams;
      if (channel >= p.channels) continue;
      T sum = 0;
      for (int l = 0; l < p.lanes; ++l) sum += parts[i * p.pitch() + l];
      out(b, begin + i / p.teams, channel) = sum;
    }
  }
};

/// The numbers of a step that is the same at all times.
template <class T, int kRank, int kStates>
struct DplrTeam : DplrPlace<T, kStates> {
  static constexpr int ranks = kRank > 0 ? kRank : 1;
  LW_HOST_DEVICE static constexpr DplrEntries entries() { return {kRank}; }
  using Z = Complex<T>;
  using Place = DplrPlace<T, kStates>;
  using Place::p, Place::c;

  Z a[kStates] = {}, b2[kStates] = {}, C[kStates] = {}, E[ranks][kStates] = {},
    P[ranks][kStates] = {};
  T W[ranks][ranks] = {};

  __device__ explicit DplrTeam(const DplrProblem<T>& problem) : Place(problem) {
    this->for_states([&](int k, int64_t n) {
      const auto entry = [&](int64_t i) {
        return p.entries[(c * entries().count() + i) * p.states + n];
      };
      a[k] = entry(entries().a()), b2[k] = entry(entries().b()), C[k] = entry(entries().c());
#pragma unroll
      for (int r = 0; r < kRank; ++r)
        E[r][k] = entry(entries().e(r)), P[r][k] = entry(entries().p(r));
    });
    if (c < p.channels)
      for (int i = 0; i < kRank * kRank; ++i) W[i / ranks][i % ranks] = p.W[c * kRank * kRank + i];
  }

  /// P^* x = 2 Re sum conj(P_n) x_n
  __device__ void project(const Z (&x)[kStates], T (&q)[ranks]) const {
#pragma unroll
    for (int r = 0; r < kRank; ++r) {
      T part = 0;
#pragma unroll
      for (int k = 0; k < kStates; ++k) part = add_real_product(part, P[r][k], x[k]);
      q[r] = 2 * this->sum(part);
    }
  }
  /// Step t: the state x, and its projection q.
  __device__ void advance(int64_t t, T u, Z (&x)[kStates], T (&q)[ranks]) const {
    if (this->starts(t)) {
#pragma unroll
      for (int k = 0; k < kStates; ++k) x[k] = {0, 0};
#pragma unroll
      for (int r = 0; r < kRank; ++r) q[r] = 0;
    }
#pragma unroll
    for (int k = 0; k < kStates; ++k) {
      x[k] = add_product(u * b2[k], a[k], x[k]);
#pragma unroll
      for (int r = 0; r < kRank; ++r) x[k] = add_scaled(x[k], -q[r], E[r][k]);
    }
    T s[ranks] = {};
    project(x, s);
#pragma unroll
    for (int r = 0; r < kRank; ++r) {
      q[r] = 0;
#pragma unroll
      for (int i = 0; i < kRank; ++i) q[r] = std::fma(W[r][i], s[i], q[r]);
#pragma unroll
      for (int k = 0; k < kStates; ++k) x[k] = add_scaled(x[k], -q[r], E[r][k]);
    }
  }
};

}  // namespace lw::kernels
