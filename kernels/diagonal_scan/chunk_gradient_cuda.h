// The gradients of A, B and C of a scan in chunks: states and their derivatives by A go forward through time and meet the
// gradient of y. See README.md, "In chunks". Internal; for .cu files.
#pragma once

#include "kernels/diagonal_scan/chunk_walk_cuda.h"

namespace lw::kernels {
namespace {

constexpr int gradient_tiles = 2;

/// What goes through time: z, the state without B and without an initial state; x, the state; and its slope dx/dA. In
/// tables [sequence, channel, part, state].
enum Part : int64_t { part_z, part_x, part_slope, state_parts };
/// A warp's sums: of dA, dB, dC, [sum, state, channel], and of dK, [lag, channel].
enum Sum : int64_t { sum_A, sum_B, sum_C, sums_of_state };

template <class T>
struct Gradient {
  Cut cut;
  View<const T, 3> u, dy;      // dy without data: the ends alone
  View<Complex<T>, 4> starts;  // without data: zero
  View<Complex<T>, 4> ends;    // of z and of the slope, to be written; or without data
  View<Complex<T>, 3> dlast;   // without data: zero
  T* sums;                     // [warp_sequences sequences, ...]

  LW_HOST_DEVICE int64_t sums_size() const {
    return cut.channels * (2 * sums_of_state * cut.states + chunk);
  }
  __device__ T* tap_sum(int64_t warp, int64_t lag, int64_t c) const {
    return sums + warp * sums_size() + (2 * sums_of_state * cut.states + lag) * cut.channels + c;
  }
  __device__ Complex<T>* state_sum(int64_t warp, Sum sum, int64_t n, int64_t c) const {
    return reinterpret_cast<Complex<T>*>(sums + warp * sums_size()) +
           (sum * cut.states + n) * cut.channels + c;
  }
};

template <class T>
struct GradientMemory {
  GradientTable<T, gradient_tiles> tables[block_channels];
  Samples<T> u, dy;
  Rows<const T> u_rows, dy_rows;
};

/// Four states of 16 sequences, and the sums over their time that are made of them.
template <class T>
struct Trajectory {
  Complex<T> z[2], x[2], slope[2];     // of two sequences
  Complex<T> z_sum, x_sum, slope_sum;  // of both: sum of dy conj(z), ...
};

/// Adds to the sums what dy has in common with the states that come into the chunk.
template <class T>
__device__ void meet(const GradientTable<T, gradient_tiles>& table, int tile, int lane,
                     const ChunkFactors<T>& dy, Trajectory<T>& t) {
  const auto product = [&](const Entry<T, gradient_tiles>& entry) {
    return product_with_steps<T, gradient_tiles>(entry, tile, lane, dy);
  };
  const cuda::Tile<T> meet = product(table.meet), meet_slope = product(table.meet_slope);
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const Complex<T> r = complex_at(meet, i);
    t.z_sum = add_conj_product(t.z_sum, t.z[i], r);
    t.x_sum = add_conj_product(t.x_sum, t.x[i], r);
    t.slope_sum = add_conj_product(t.slope_sum, t.slope[i], r);
    t.slope_sum = add_conj_product(t.slope_sum, t.x[i], complex_at(meet_slope, i));
  }
}

/// From the states before the chunk to those after it.
template <class T>
__device__ void enter(const GradientTable<T, gradient_tiles>& table, int tile,
                      const Place<T>& place, const Lack& lack, const ChunkFactors<T>& u,
                      Trajectory<T>& t) {
  const auto product = [&](const Entry<T, gradient_tiles>& entry) {
    return product_with_steps<T, gradient_tiles>(entry, tile, place.lane(), u);
  };
  const cuda::Tile<T> enter = product(table.enter), enter_slope = product(table.enter_slope);
  const int n = 4 * tile + place.q;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const Complex<T> decay = table.decay[lack.extent(i)][n],
                     decay_slope = table.decay_slope[lack.extent(i)][n];
    const Complex<T> more = complex_at(enter, i);
    t.slope[i] = add_product(add_product(complex_at(enter_slope, i), decay, t.slope[i]),
                             decay_slope, t.x[i]);
    t.x[i] = add_product(table.B[n] * more, decay, t.x[i]);
    t.z[i] = add_product(more, decay, t.z[i]);
  }
}

/// Calls use(k) in all warps that have work, with the samples of chunk k in memory; the next ones are on their way.
template <class T, class F>
__device__ void for_chunks(const Gradient<T>& g, const Place<T>& place, GradientMemory<T>& memory,
                           const F& use) {
  Carrier<T> next_u, next_dy;
  const auto load = [&](int64_t k) {
    next_u.load(memory.u_rows, g.cut, place, k, g.u.strides[1]);
    next_dy.load(memory.dy_rows, g.cut, place, k, g.dy.strides[1]);
  };
  load(0);
  for (int64_t k = 0; k < g.cut.chunks; ++k) {
    next_u.put(memory.u), next_dy.put(memory.dy);
    __syncthreads();
    if (k + 1 < g.cut.chunks) load(k + 1);
    if (place.busy) use(k);
    __syncthreads();
  }
}

/// dK: for each lag the sum of dy_j u_{j - lag} over the steps of all chunks and the sequences of the warp.
template <class T>
__device__ void sum_lags(const Gradient<T>& g, const Place<T>& place, int64_t warp,
                         GradientMemory<T>& memory) {
  Samples<T>&u = memory.u, &dy = memory.dy;
  cuda::Tile<T> sum[2] = {};  // [step of dy, step of u], the latter in halves
  for_chunks(g, place, memory, [&](int64_t) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int s = place.first + 8 * half + 2 * place.q;
      cuda::Tile<T> tile;
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < 2; ++j) tile.at[i][j] = dy(place.channel, s + j, place.r + 8 * i);
      const auto steps = cuda::left_factor(tile);
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        const T even = u(place.channel, s, place.r + 8 * k),
                odd = u(place.channel, s + 1, place.r + 8 * k);
        cuda::add_product(sum[k], steps, cuda::right_factor<T>(even, odd));
      }
    }
  });
  if (!place.busy) return;
  // The sums take the place of the warp's samples, a step of u that of a sequence.
  for (int k = 0; k < 2; ++k)
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j)
        u(place.channel, place.first + 8 * k + 2 * place.q + j, place.r + 8 * i) = sum[k].at[i][j];
  __syncwarp();
  const int lag = place.lane();
  if (lag >= chunk) return;
  T total = 0;
  for (int step = 0; step + lag < chunk; ++step)
    total += u(place.channel, place.first + step, step + lag);
  *g.tap_sum(warp, lag, place.c) = total;
}

/// The sum over the lanes that have the same q.
template <class T>
__device__ Complex<T> over_rows(Complex<T> z) {
#pragma unroll
  for (int distance = 4; distance < 32; distance *= 2) {
    z.re += __shfl_xor_sync(0xffffffffu, z.re, distance);
    z.im += __shfl_xor_sync(0xffffffffu, z.im, distance);
  }
  return z;
}

/// A group of states through time: what zeros leave at the ends, or what they have in common with dy.
template <class T>
__device__ void sum_states(const Gradient<T>& g, const Place<T>& place, int64_t warp,
                           GradientMemory<T>& memory) {
  const Cut& cut = g.cut;
  const GradientTable<T, gradient_tiles>& table = memory.tables[place.channel];
  const bool meets = g.dy.data != nullptr;
  Trajectory<T> t[gradient_tiles] = {};
  const auto for_states = [&](const auto& f) {
#pragma unroll
    for (int tile = 0; tile < gradient_tiles; ++tile)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int64_t n = int64_t{place.group} * table.states + 4 * tile + place.q;
        if (place.busy && place.sequence(i) < cut.sequences() && n < cut.states)
          f(t[tile], i, place.sequence(i), n);
      }
  };
  if (g.starts.data)
    for_states([&](Trajectory<T>& now, int i, int64_t s, int64_t n) {
      now.z[i] = g.starts(s, place.c, part_z, n);
      now.x[i] = g.starts(s, place.c, part_x, n);
      now.slope[i] = g.starts(s, place.c, part_slope, n);
    });
  for_chunks(g, place, memory, [&](int64_t k) {
    if (meets) {
      const ChunkFactors<T> dy = factors_of(memory.dy, place);
#pragma unroll
      for (int tile = 0; tile < gradient_tiles; ++tile)
        meet(table, tile, place.lane(), dy, t[tile]);
    }
    const Lack lack(memory.u_rows, place, k);
    const ChunkFactors<T> u = factors_of(memory.u, place, lack.steps);
#pragma unroll
    for (int tile = 0; tile < gradient_tiles; ++tile) enter(table, tile, place, lack, u, t[tile]);
  });

  if (g.ends.data)
    for_states([&](const Trajectory<T>& now, int i, int64_t s, int64_t n) {
      g.ends(s, place.c, part_z, n) = now.z[i];
      g.ends(s, place.c, part_slope, n) = now.slope[i];
    });
  if (!meets || !place.busy) return;
#pragma unroll
  for (int tile = 0; tile < gradient_tiles; ++tile) {
    const int64_t n = int64_t{place.group} * table.states + 4 * tile + place.q;
    const Complex<T> kC = table.kC[4 * tile + place.q];
    Complex<T> dA = conj(kC) * t[tile].slope_sum, dB = conj(kC) * t[tile].z_sum;
    for (int i = 0; i < 2; ++i) {
      const int64_t s = place.sequence(i);
      if (!g.dlast.data || s >= cut.sequences() || !cut.is_last(s) || n >= cut.states) continue;
      const Complex<T> d = g.dlast(cut.row(s), place.c, n);
      dA = add_conj_product(dA, t[tile].slope[i], d);
      dB = add_conj_product(dB, t[tile].z[i], d);
    }
    const Complex<T> all_A = over_rows(dA), all_B = over_rows(dB), all_C = over_rows(t[tile].x_sum);
    if (place.r > 0 || n >= cut.states) continue;
    *g.state_sum(warp, sum_A, n, place.c) = all_A;
    *g.state_sum(warp, sum_B, n, place.c) = all_B;
    *g.state_sum(warp, sum_C, n, place.c) = all_C;
  }
}

/// A block has a group of states or, the last of `groups` where there is a dy, the lags.
template <class T>
__global__ void __launch_bounds__(threads_of_block<T>)
    gradient_kernel(const Gradient<T> g, int groups,
                    const GradientTable<T, gradient_tiles>* tables) {
  auto& memory = *cuda::dynamic_shared<GradientMemory<T>>();
  const Place<T> place(g.cut, groups);
  memory.u_rows.find(g.u, g.cut, place.block_first);
  memory.dy_rows.find(g.dy, g.cut, place.block_first);
  const int64_t warp = (place.block_first + place.first) / warp_sequences;
  if (g.dy.data && place.group == groups - 1) {
    __syncthreads();
    return sum_lags(g, place, warp, memory);
  }
  const int64_t first_channel = int64_t{place.panel} * block_channels,
                left = g.cut.channels - first_channel;
  copy_tables<T>(tables + place.group * g.cut.channels + first_channel,
                 left < block_channels ? left : block_channels, memory.tables);
  __syncthreads();
  sum_states(g, place, warp, memory);
}

/// What each sequence starts with, from what zeros leave at the end of each; a thread has an element of the state of a
/// batch row.
template <class T>
__global__ void carry_parts_kernel(const System<T> system, const Cut cut,
                                   View<Complex<T>, 3> initial, View<Complex<T>, 4> table) {
  const int64_t i = cuda::thread_number(), n = i % cut.states, c = i / cut.states % cut.channels,
                b = i / cut.states / cut.channels;
  if (b >= cut.batch) return;
  using Z = Complex<double>;
  const Z A = widen(system.A(c, n)), B = widen(system.B(c, n));
  const Z before = complex_power(A, cut.steps - 1), decay = before * A,
          by_A = static_cast<double>(cut.steps) * before;
  Z z{0, 0}, slope{0, 0}, x = initial.data ? widen(initial(b, c, n)) : Z{0, 0};
  for (int64_t s = b * cut.segments; s < (b + 1) * cut.segments; ++s) {
    Z z_end{0, 0}, slope_end{0, 0};
    if (!cut.is_last(s)) {
      z_end = widen(table(s, c, part_z, n));
      slope_end = widen(table(s, c, part_slope, n));
    }
    table(s, c, part_z, n) = narrow<T>(z);
    table(s, c, part_x, n) = narrow<T>(x);
    table(s, c, part_slope, n) = narrow<T>(slope);
    slope = slope_end + decay * slope + by_A * x;
    x = B * z_end + decay * x;
    z = z_end + decay * z;
  }
}

/// The gradients, from sums over all warps: those of the state, and that of K, which is k Re sum C A^l B. A thread has an
/// element of the state of a channel.
template <class T>
__global__ void chain_kernel(const System<T> system, const Gradient<T> g, View<Complex<T>, 2> dA,
                             View<Complex<T>, 2> dB, View<Complex<T>, 2> dC) {
  const int64_t i = cuda::thread_number(), c = i % g.cut.channels, n = i / g.cut.channels;
  if (n >= g.cut.states) return;
  const Element e(system, c, n, true);
  using Z = Complex<double>;
  Z power{1, 0}, slope{0, 0}, of_power{0, 0}, of_slope{0, 0};
  for (int lag = 0; lag < chunk; ++lag) {
    const double dK = static_cast<double>(*g.tap_sum(0, lag, c));
    of_power += dK * conj(power);
    of_slope += dK * conj(slope);
    slope = static_cast<double>(lag + 1) * power;
    power = power * e.A;
  }
  dA(c, n) = narrow<T>(widen(*g.state_sum(0, sum_A, n, c)) + conj(e.kC * e.B) * of_slope);
  dB(c, n) = narrow<T>(widen(*g.state_sum(0, sum_B, n, c)) + conj(e.kC) * of_power);
  dC(c, n) = narrow<T>(system.scale * (widen(*g.state_sum(0, sum_C, n, c)) + conj(e.B) * of_power));
}

}  // namespace
}  // namespace lw::kernels
