// The backward pass of the selective scan on a GPU. Internal; for .cu files; see README.md, "On a
// GPU".
#pragma once

#include "kernels/selective_scan/block_cuda.h"

namespace lw::kernels {

/// The gradients of a call. Those that are sums over channels or rows are parts, one for each block
/// or row.
template <class T>
struct ScanGradients {
  View<const T, 3> y, final_state;  // of the results; data is null where there is none
  View<T, 3> u, delta, z, initial_state;
  View<T, 4> B, C;           // [batch, panel, time, state]
  View<T, 3> A;              // [batch, channel, state]
  View<T, 2> D, delta_bias;  // [batch, channel]
};

/// The shared memory of a block: a tile of steps, and the few steps of it that are in work.
template <class T, int kLanes>
struct BackwardTile {
  static constexpr int some = sizeof(T) == 4 ? 8 : 4;  // steps whose states are in registers
  static constexpr int width = 4 * kLanes;             // states of a channel
  static constexpr int channels = ScanBlock<kLanes>::channels;
  static constexpr int64_t bytes =
      sizeof(T) * (scan_tile * (2 * width + 3 * channels) + 2 * some * channels +
                   scan_threads * (4 * scan_tile / some + 8 * some + 3 * some));

  T *B, *C;                  // [step of the tile][state]
  Quad<T>* kept;             // [some steps][thread]: states before them
  Quad<T>*h, *q;             // [step in work][channel][lane]: states, their gradients
  T *dt, *u, *slope;         // [step of the tile][channel]; slope = d dt / d delta
  T *g, *gate;               // [step in work][channel]: dL/d(y before the gate), dL/dz / that y
  T *y, *along_B, *along_A;  // [step in work][thread]: sums over four states: C h; q B; q a h A

  __device__ explicit BackwardTile(T* memory) {
    const auto take = [&memory](int64_t size) {
      T* taken = memory;
      memory += size;
      return taken;
    };
    B = take(scan_tile * width), C = take(scan_tile * width);
    kept = reinterpret_cast<Quad<T>*>(take(scan_tile / some * scan_threads * 4));
    h = reinterpret_cast<Quad<T>*>(take(some * scan_threads * 4));
    q = reinterpret_cast<Quad<T>*>(take(some * scan_threads * 4));
    dt = take(scan_tile * channels), u = take(scan_tile * channels);
    slope = take(scan_tile * channels);
    g = take(some * channels), gate = take(some * channels);
    y = take(some * scan_threads), along_B = take(some * scan_threads);
    along_A = take(some * scan_threads);
  }
};

/// One block: some channels of a row, and where it stands in time. Steps that are not there count as
/// steps of length zero, which change nothing.
template <class T, int kLanes>
struct BackwardBlock {
  using Tile = BackwardTile<T, kLanes>;
  static constexpr int some = Tile::some, channels = Tile::channels;

  const ScanArguments<T>& in;
  const ScanGradients<T>& grad;
  const StateRange range;
  const ScanBlock<kLanes> at;
  const Tile tile;
  int64_t begin = 0;         // of the tile
  int steps = 0;             // of the tile
  uint32_t starts = 0;       // bit t: a document starts at step t of the tile
  T a[4], r[4], dA[4] = {};  // of the recurrence: rates, what reaches h from later steps, sums
  T dD = 0, dbias = 0;       // of the loops: sums for `column`

  __device__ BackwardBlock(const ScanArguments<T>& arguments, const ScanGradients<T>& gradients,
                           const StateRange& states, int64_t panels)
      : in(arguments), grad(gradients), range(states), at(panels), tile(cuda::dynamic_shared<T>()) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      a[i] = real(i) ? in.A(channel(), number(i)) * scan_log2_e<T> : T{0};
      r[i] = real(i) && grad.final_state.data ? grad.final_state(at.b, channel(), number(i)) : T{0};
    }
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
    load_rows<Tile::width>(in.B, at.b, begin, steps, range, tile.B);
    load_rows<Tile::width>(in.C, at.b, begin, steps, range, tile.C);
    const int64_t channel = at.first + at.column;
    const bool there = channel < in.channels;
    const T bias = there && in.delta_bias ? in.delta_bias[channel] : T{0};
#pragma unroll 8
    for (int t = at.row; t < scan_tile; t += kLanes) {
      const int to = t * channels + at.column;
      ScanStep<T> step = {0, 0};
      T u = 0;
      if (there && t < steps) {
        step = step_size(in.delta(at.b, begin + t, channel) + bias, in.softplus);
        u = in.u(at.b, begin + t, channel);
      }
      tile.dt[to] = step.dt, tile.slope[to] = step.slope, tile.u[to] = u;
    }
  }

  /// The gate and its gradient, for the steps from `first` on.
  __device__ void enter_some(int first) {
    const int64_t channel = at.first + at.column;
#pragma unroll
    for (int t = at.row; t < some; t += kLanes) {
      T g = 0, gate = 0;
      if (channel < in.channels && first + t < steps) {
        g = grad.y(at.b, begin + first + t, channel);
        if (in.z.data) {
          const T z = in.z(at.b, begin + first + t, channel), s = cuda::sigmoid(z);
          gate = g * s * std::fma(z, 1 - s, T{1});
          g *= z * s;
        }
      }
      dD = std::fma(g, tile.u[(first + t) * channels + at.column], dD);
      tile.g[t * channels + at.column] = g, tile.gate[t * channels + at.column] = gate;
    }
  }

  /// The states at the start of the tile, and from them those before each `some` steps.
  __device__ void keep_states(const View<const T, 4>& chunk_states, int64_t index) {
    Quad<T> h;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      h.v[i] = real(i) ? chunk_states(at.b, index, number(i), channel()) : T{0};
    const Quad<T>* B = reinterpret_cast<const Quad<T>*>(tile.B) + at.lane;
    for (int first = 0;; first += some) {
      tile.kept[first / some * scan_threads + at.thread] = h;
      if (first + some >= steps) return;
#pragma unroll
      for (int t = first; t < first + some; ++t) {
        const T dt = tile.dt[t * channels + at.c], dtu = dt * tile.u[t * channels + at.c];
        const Quad<T> b = B[t * kLanes];
        const bool forget = starts >> t & 1;
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
    const T *dts = tile.dt + first * channels + at.c, *us = tile.u + first * channels + at.c;
    Quad<T> h = tile.kept[first / some * scan_threads + at.thread];
#pragma unroll
    for (int t = 0; t < some; ++t) {
      const T dt = dts[t * channels], dtu = dt * us[t * channels];
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
      tile.h[t * scan_threads + at.thread] = h;
      tile.y[t * scan_threads + at.thread] = y;
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
      tile.q[t * scan_threads + at.thread] = q;
      tile.along_B[t * scan_threads + at.thread] = along_B;
      tile.along_A[t * scan_threads + at.thread] = along_A;
    }
  }

  /// The block's parts of dB and dC at the steps from `first` on: sums over its channels of dt u q and
  /// g h. Eight neighbouring threads read 128 bytes: all states of a channel, or of several.
  __device__ void add_channels(int first) const {
    constexpr int quads = kLanes < 8 ? kLanes : 8, splits = 8 / quads;
    for (int task = at.thread; task < 2 * some * 8; task += scan_threads) {
      const int t = task / 8 % some, split = task % 8 / quads;
      const bool of_B = task / 8 / some == 1;
      const Quad<T>* terms = (of_B ? tile.q : tile.h) + t * scan_threads;
      const T* dt = tile.dt + (first + t) * channels;
      const T* u = tile.u + (first + t) * channels;
      const T* g = tile.g + t * channels;
#pragma unroll
      for (int quad = task % quads; quad < kLanes; quad += 8) {
        Quad<T> sum = {};
#pragma unroll 8
        for (int c = split; c < channels; c += splits) {
          const T weight = of_B ? dt[c] * u[c] : g[c];
          const Quad<T> term = terms[c * kLanes + quad];
#pragma unroll
          for (int i = 0; i < 4; ++i) sum.v[i] = std::fma(weight, term.v[i], sum.v[i]);
        }
#pragma unroll
        for (int other = quads; other < 8; other *= 2)
#pragma unroll
          for (int i = 0; i < 4; ++i) sum.v[i] += __shfl_xor_sync(0xffffffffu, sum.v[i], other);
        if (split > 0 || first + t >= steps) continue;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int n = 4 * quad + i;
          if (n < range.count)
            (of_B ? grad.B : grad.C)(at.b, at.panel, begin + first + t, range.first + n) = sum.v[i];
        }
      }
    }
  }

  /// The sum over the threads of `column`, at step t of those in work.
  __device__ T over_states(const T* sums, int t) const {
    sums += t * scan_threads + at.column * kLanes;
    T sum = 0;
    if constexpr (kLanes % 4 == 0) {
#pragma unroll
      for (int quad = 0; quad < kLanes / 4; ++quad) {
        const Quad<T> s = reinterpret_cast<const Quad<T>*>(sums)[quad];
        sum += (s.v[0] + s.v[1]) + (s.v[2] + s.v[3]);
      }
    } else {
      for (int i = 0; i < kLanes; ++i) sum += sums[i];
    }
    return sum;
  }

  /// From the sums over states to the gradients of u, delta and z, or no more than the sums so far.
  __device__ void leave_some(int first) {
    const int64_t channel = at.first + at.column;
    if (channel >= in.channels) return;
    const T skip = in.D ? in.D[channel] : T{0};
#pragma unroll
    for (int t = at.row; t < some; t += kLanes) {
      if (first + t >= steps) break;
      const int64_t time = begin + first + t;
      const int from = (first + t) * channels + at.column;
      T along_B = over_states(tile.along_B, t), along_A = over_states(tile.along_A, t);
      T y = over_states(tile.y, t);
      if (!range.begins) {
        along_B += grad.u(at.b, time, channel), along_A += grad.delta(at.b, time, channel);
        if (in.z.data) y += grad.z(at.b, time, channel);
      }
      if (range.ends) {
        const T u = tile.u[from], g = tile.g[t * channels + at.column];
        const T ddt = std::fma(u, along_B, scan_ln_2<T> * along_A);
        along_A = ddt * tile.slope[from];
        along_B = std::fma(tile.dt[from], along_B, skip * g);
        y = tile.gate[t * channels + at.column] * std::fma(skip, u, y);
        dbias += along_A;
      }
      grad.u(at.b, time, channel) = along_B, grad.delta(at.b, time, channel) = along_A;
      if (in.z.data) grad.z(at.b, time, channel) = y;
    }
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

/// A block has scan_threads / kLanes channels of a row, and goes through time tile by tile from the
/// last to the first; through a tile a few steps at a time.
template <class T, int kLanes>
__global__ void __launch_bounds__(scan_threads)
    scan_backward_kernel(ScanArguments<T> in, StateRange range, int64_t panels,
                         View<const T, 4> chunk_states, ScanGradients<T> grad) {
  BackwardBlock<T, kLanes> block(in, grad, range, panels);
  for (int64_t index = in.chunks - 1; index >= 0; --index) {
    block.enter(index);
    __syncthreads();
    block.keep_states(chunk_states, index);
    for (int first = (block.steps - 1) / block.some * block.some; first >= 0; first -= block.some) {
      block.enter_some(first);
      __syncthreads();
      if (block.starts == 0)
        block.template recur<false>(first);
      else
        block.template recur<true>(first);
      __syncthreads();
      block.add_channels(first);
      block.leave_some(first);
      __syncthreads();
    }
  }
  block.finish();
}

}  // namespace lw::kernels
