// The backward pass of the selective scan on a GPU. Internal; for .cu files; see README.md, "On a
// GPU".
#pragma once

#include "kernels/selective_scan/backward_tile_cuda.h"

namespace lw::kernels {

/// One block: some channels of a row, and where it stands in time. Steps that are not there count as
/// steps of length zero, which change nothing.
template <class T, int kLanes>
struct BackwardBlock {
  using Tile = BackwardTile<T, kLanes>;
  static constexpr int some = Tile::some, channels = Tile::channels, threads = Tile::threads;

  const ScanArguments<T>& in;
  const ScanGradients<T>& grad;
  const StateRange range;
  const typename Tile::Block at;
  const Tile tile;
  ScanColumn<const T> dy, z;     // of `column`, at step `row` of those in work
  ScanColumn<T> du, ddelta, dz;  // likewise
  int64_t begin = 0;             // of the tile
  int steps = 0;                 // of the tile
  uint32_t starts = 0;           // bit t: a document starts at step t of the tile
  T a[4], r[4], dA[4] = {};      // of the recurrence: rates, what reaches h from later steps, sums
  T dD = 0, dbias = 0;           // of the loops: sums for `column`

  __device__ BackwardBlock(const ScanArguments<T>& arguments, const ScanGradients<T>& gradients,
                           const StateRange& states, int64_t panels)
      : in(arguments),
        grad(gradients),
        range(states),
        at(panels),
        tile(cuda::dynamic_shared<T>()),
        dy(column_of(grad.y)),
        z(column_of(in.z)),
        du(column_of(grad.u)),
        ddelta(column_of(grad.delta)),
        dz(column_of(grad.z)) {
#pragma unroll
    for (int pass = 0; pass < passes; ++pass)
      part[pass] = &(adds_B(pass) ? grad.B : grad.C)(at.b, at.panel, last_some() + term_step(pass),
                                                     4 * (at.thread % quads));
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      a[i] = real(i) ? in.A(channel(), number(i)) * scan_log2_e<T> : T{0};
      r[i] = real(i) && grad.final_state.data ? grad.final_state(at.b, channel(), number(i)) : T{0};
    }
  }

  // In sums over channels eight neighbouring threads share a step: `quads` for its states, `splits`
  // for its channels. All steps of dB and dC take one pass of the block, or two.
  static constexpr int quads = kLanes < 8 ? kLanes : 8, splits = 8 / quads;
  static constexpr int passes = 2 * some * 8 / threads;
  T* part[passes];  // of dB or dC: where this thread writes
  __device__ int term_step(int pass) const { return (at.thread + pass * threads) / 8 % some; }
  __device__ bool adds_B(int pass) const { return at.thread + pass * threads >= 8 * some; }

  /// The first of the steps that are in work first.
  __device__ int64_t last_some() const { return (in.time - 1) / some * some; }
  template <class U>
  __device__ ScanColumn<U> column_of(const View<U, 3>& v) const {
    return {v, at.b, last_some() + at.row, at.first + at.column};
  }
  __device__ int64_t channel() const { return at.first + at.c; }
  __device__ int64_t number(int i) const { return range.first + 4 * at.lane + i; }
  __device__ bool real(int i) const {
    return channel() < in.channels && 4 * at.lane + i < range.count;
  }

  /// The step sizes of a tile, and all else that does not depend on the states.
  __device__ void enter(int64_t index) {
    begin = index * scan_tile;
    steps = static_cast<int>(in.time - begin < scan_tile ? in.time - begin : scan_tile);
    starts = starts_of(in, at.b, begin, steps);
    load_rows<Tile::width, threads>(in.B, at.b, begin, steps, range, tile.B);
    load_rows<Tile::width, threads>(in.C, at.b, begin, steps, range, tile.C);
    const int64_t channel = at.first + at.column;
    const bool real = channel < in.channels;
    const T bias = real && in.delta_bias ? in.delta_bias[channel] : T{0};
    const T linear = linear_above<T>(in.softplus);
    ScanColumn<const T> us(in.u, at.b, begin + at.row, channel);
    ScanColumn<const T> deltas(in.delta, at.b, begin + at.row, channel);
#pragma unroll 4
    for (int t = at.row, to = at.thread; t < scan_tile; t += kLanes, to += threads) {
      const bool there = real && t < steps;
      const T u = there ? *us.at : T{0}, delta = there ? *deltas.at : T{0};
      const ScanStep<T> step = step_size(delta + bias, linear);
      tile.dt[to] = there ? step.dt : T{0}, tile.slope[to] = step.slope, tile.u[to] = u;
      us.move(kLanes), deltas.move(kLanes);
    }
  }

  /// Calls f(i, t) for the steps t = row, row + kLanes, ... of those in work.
  template <class F>
  __device__ void for_steps(F&& f) const {
#pragma unroll
    for (int i = 0; i < (some + kLanes - 1) / kLanes; ++i)
      if (const int t = at.row + i * kLanes; kLanes <= some || t < some) f(i, t);
  }

  /// The gate and its gradient, for the steps from `first` on.
  __device__ void enter_some(int first) {
    const bool real = at.first + at.column < in.channels, gated = in.z.data;
    for_steps([&](int i, int t) {
      const bool there = real && first + t < steps;
      T g = there ? dy.at[i * kLanes * dy.pitch] : T{0}, gate = 0;
      if (gated) {
        const T z_t = there ? z.at[i * kLanes * z.pitch] : T{0}, s = cuda::sigmoid(z_t);
        gate = g * s * std::fma(z_t, 1 - s, T{1});
        g *= z_t * s;
      }
      const int from = first * channels + i * threads + at.thread;
      const int to = i * threads + at.thread;
      dD = std::fma(g, tile.u[from], dD);
      tile.g[to] = g, tile.gate[to] = gate, tile.dtu[to] = tile.dt[from] * tile.u[from];
    });
  }

  /// The states at the start of the tile, and from them those before each `some` steps.
  template <bool kStarts>
  __device__ void keep_states(const View<const T, 4>& chunk_states, int64_t index) {
    Quad<T> h;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      h.v[i] = real(i) ? chunk_states(at.b, index, number(i), channel()) : T{0};
    const Quad<T>* B = reinterpret_cast<const Quad<T>*>(tile.B) + at.lane;
    for (int first = 0;; first += some) {
      tile.kept[first / some * threads + at.thread] = h;
      if (first + some >= steps) return;
#pragma unroll
      for (int t = first; t < first + some; ++t) {
        const T dt = tile.dt[t * channels + at.c], dtu = dt * tile.u[t * channels + at.c];
        const Quad<T> b = B[t * kLanes];
        const bool forget = kStarts && (starts >> t & 1);
#pragma unroll
        for (int i = 0; i < 4; ++i)
          h.v[i] = std::fma(cuda::exp2_quick(dt * a[i]), forget ? T{0} : h.v[i], dtu * b.v[i]);
      }
    }
  }

  /// `some` steps from `first` on, forwards again and then backwards in time: with q the gradient of
  /// h_t and r = a_{t+1} q_{t+1} what reaches it from later steps,
  ///
  ///   q = C g + r      dA += dt q a h      r <- a q
  ///
  /// and the sums over states q B and q a h A. dB and dC are sums over channels: q and h are left
  /// where the whole block sees them.
  template <bool kStarts>
  __device__ void recur(int first) {
    T before[some][4], decay[some][4];
    const Quad<T>* B = reinterpret_cast<const Quad<T>*>(tile.B) + first * kLanes + at.lane;
    const Quad<T>* C = reinterpret_cast<const Quad<T>*>(tile.C) + first * kLanes + at.lane;
    const T *dts = tile.dt + first * channels + at.c, *dtus = tile.dtu + at.c;
    Quad<T> h = tile.kept[first / some * threads + at.thread];
#pragma unroll
    for (int t = 0; t < some; ++t) {
      const T dt = dts[t * channels], dtu = dtus[t * channels];
      const Quad<T> b = B[t * kLanes], c = C[t * kLanes];
      const bool forget = kStarts && (starts >> (first + t) & 1);
      T y = 0;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        before[t][i] = forget ? T{0} : h.v[i];
        decay[t][i] = forget ? T{0} : cuda::exp2_quick(dt * a[i]);
        h.v[i] = std::fma(decay[t][i], before[t][i], dtu * b.v[i]);
        y = std::fma(c.v[i], h.v[i], y);
      }
      tile.h[t * threads + at.thread] = h;
      tile.y[t * threads + at.thread] = y;
    }
#pragma unroll
    for (int t = some - 1; t >= 0; --t) {
      const T dt = dts[t * channels], g = tile.g[t * channels + at.c];
      const Quad<T> b = B[t * kLanes], c = C[t * kLanes];
      Quad<T> q;
      T along_B = 0, along_A = 0;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        q.v[i] = std::fma(g, c.v[i], r[i]);
        along_B = std::fma(q.v[i], b.v[i], along_B);
        r[i] = q.v[i] * decay[t][i];
        const T rate = r[i] * before[t][i];
        dA[i] = std::fma(dt, rate, dA[i]);
        along_A = std::fma(rate, a[i], along_A);
      }
      tile.q[t * threads + at.thread] = q;
      tile.along_B[t * threads + at.thread] = along_B;
      tile.along_A[t * threads + at.thread] = along_A;
    }
  }

  /// The block's parts of dB and dC at the steps from `first` on: sums over its channels of dt u q and
  /// g h. Eight neighbouring threads read 128 bytes: all states of a channel, or of several.
  __device__ void add_channels(int first, int pass) {
    const int t = term_step(pass), split = at.thread % 8 / quads;
    const T* weights = (adds_B(pass) ? tile.dtu : tile.g) + t * channels + split;
    const Quad<T>* terms = (adds_B(pass) ? tile.q : tile.h) + t * threads + split * kLanes;
#pragma unroll
    for (int quad = 0; quad < kLanes; quad += quads) {
      const int own = quad + at.thread % quads;
      Quad<T> sum = {};
#pragma unroll
      for (int c = 0; c < channels; c += splits) {
        const T weight = weights[c];
        const Quad<T> term = terms[c * kLanes + own];
#pragma unroll
        for (int n = 0; n < 4; ++n) sum.v[n] = std::fma(weight, term.v[n], sum.v[n]);
      }
#pragma unroll
      for (int other = quads; other < 8; other *= 2)
#pragma unroll
        for (int n = 0; n < 4; ++n) sum.v[n] += __shfl_xor_sync(0xffffffffu, sum.v[n], other);
      if (split > 0 || first + t >= steps) continue;
#pragma unroll
      for (int n = 0; n < 4; ++n)
        if (4 * own + n < range.count) part[pass][4 * quad + n] = sum.v[n];
    }
    part[pass] -= some * range.count;
  }

  /// From the sums over states to the gradients of u, delta and z, or no more than the sums so far.
  __device__ void leave_some(int first) {
    const int64_t channel = at.first + at.column;
    const bool real = channel < in.channels, gated = in.z.data;
    const T skip = real && in.D ? in.D[channel] : T{0};
    for_steps([&](int i, int t) {
      if (!real || first + t >= steps) return;
      const int sums = (i * threads + at.thread) * kLanes;
      const int some_at = i * threads + at.thread, tile_at = first * channels + some_at;
      T& to_u = du.at[i * kLanes * du.pitch];
      T& to_delta = ddelta.at[i * kLanes * ddelta.pitch];
      T* const to_z = gated ? dz.at + i * kLanes * dz.pitch : nullptr;
      T along_B = Tile::over_states(tile.along_B + sums),
        along_A = Tile::over_states(tile.along_A + sums);
      T y = Tile::over_states(tile.y + sums);
      if (!range.begins) {
        along_B += to_u, along_A += to_delta;
        if (gated) y += *to_z;
      }
      if (range.ends) {
        const T u = tile.u[tile_at];
        const T ddt = std::fma(u, along_B, scan_ln_2<T> * along_A);
        along_A = ddt * tile.slope[tile_at];
        along_B = std::fma(tile.dt[tile_at], along_B, skip * tile.g[some_at]);
        y = tile.gate[some_at] * std::fma(skip, u, y);
        dbias += along_A;
      }
      to_u = along_B, to_delta = along_A;
      if (gated) *to_z = y;
    });
    dy.move(-some), z.move(-some), du.move(-some), ddelta.move(-some), dz.move(-some);
  }

  /// What is summed over time.
  __device__ void finish() {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (real(i)) {
        grad.A(at.b, channel(), number(i)) = dA[i];
        if (grad.initial_state.data) grad.initial_state(at.b, channel(), number(i)) = r[i];
      }
    if (!range.ends) return;
    tile.y[at.thread] = dD, tile.along_A[at.thread] = dbias;
    __syncthreads();
    const int64_t channel = at.first + at.column;
    if (at.row > 0 || channel >= in.channels) return;
    for (int i = 1; i < kLanes; ++i) {
      dD += tile.y[i * channels + at.column];
      dbias += tile.along_A[i * channels + at.column];
    }
    grad.D(at.b, channel) = dD, grad.delta_bias(at.b, channel) = dbias;
  }
};

/// A block has some channels of a row, and goes through time tile by tile from the
/// last to the first; through a tile a few steps at a time.
template <class T, int kLanes>
__global__ void __launch_bounds__(BackwardTile<T, kLanes>::threads,
                                  BackwardTile<T, kLanes>::threads == 128 ? 3 : 1)
    scan_backward_kernel(ScanArguments<T> in, StateRange range, int64_t panels,
                         View<const T, 4> chunk_states, ScanGradients<T> grad) {
  BackwardBlock<T, kLanes> block(in, grad, range, panels);
  for (int64_t index = in.chunks - 1; index >= 0; --index) {
    block.enter(index);
    __syncthreads();
    if (block.starts == 0)
      block.template keep_states<false>(chunk_states, index);
    else
      block.template keep_states<true>(chunk_states, index);
    for (int first = (block.steps - 1) / block.some * block.some; first >= 0; first -= block.some) {
      block.enter_some(first);
      __syncthreads();
      if (block.starts == 0)
        block.template recur<false>(first);
      else
        block.template recur<true>(first);
      __syncthreads();
#pragma unroll
      for (int pass = 0; pass < block.passes; ++pass) block.add_channels(first, pass);
      block.leave_some(first);
      __syncthreads();
    }
  }
  block.finish();
}

}  // namespace lw::kernels
