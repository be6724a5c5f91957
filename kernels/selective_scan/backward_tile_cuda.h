// The memory that a block of the backward pass of the selective scan works on. Internal; for .cu
// files; see README.md, "On a GPU".
#pragma once

#include "kernels/selective_scan/block_cuda.h"

namespace lw::kernels {

/// The gradients of a call. Those that are sums over channels or rows are parts, one for each block
/// or row.
template <class T>
struct ScanGradients {
  View<const T, 3> y, final_state;  // of the results; data is null where there is none
  View<T, 3> u, delta, z, initial_state;
  View<T, 4> B, C;           // [batch, panel, time, state of the launch]
  View<T, 3> A;              // [batch, channel, state]
  View<T, 2> D, delta_bias;  // [batch, channel]
};

/// The shared memory of a block: a tile of steps, and the few steps of it that are in work.
template <class T, int kLanes>
struct BackwardTile {
  // Of a block: the fewer, the less memory; the more, the fewer parts of dB and dC.
  static constexpr int threads = sizeof(T) == 8 || kLanes <= 2 ? scan_threads / 2 : scan_threads;
  using Block = ScanBlock<kLanes, threads>;
  static constexpr int some = sizeof(T) == 4 ? 8 : 4;  // steps whose states are in registers
  static constexpr int width = 4 * kLanes;             // states of a channel
  static constexpr int channels = Block::channels;
  static constexpr int64_t bytes =
      sizeof(T) * (scan_tile * (2 * width + 3 * channels) + 3 * some * channels +
                   threads * (4 * scan_tile / some + 8 * some + 3 * some));

  T *B, *C;           // [step of the tile][state]
  Quad<T>* kept;      // [some steps][thread]: states before them
  Quad<T>*h, *q;      // [step in work][channel][lane]: states, their gradients
  T *dt, *u, *slope;  // [step of the tile][channel]; slope = d dt / d delta
  T *g, *gate, *dtu;  // [step in work][channel]: dL/d(y before the gate); dL/dz / that y; dt u
  T *y, *along_B, *along_A;  // [step in work][thread]: sums over four states: C h; q B; q a h A

  __device__ explicit BackwardTile(T* memory) {
    const auto take = [&memory](int64_t size) {
      T* taken = memory;
      memory += size;
      return taken;
    };
    B = take(scan_tile * width), C = take(scan_tile * width);
    kept = reinterpret_cast<Quad<T>*>(take(scan_tile / some * threads * 4));
    h = reinterpret_cast<Quad<T>*>(take(some * threads * 4));
    q = reinterpret_cast<Quad<T>*>(take(some * threads * 4));
    dt = take(scan_tile * channels), u = take(scan_tile * channels);
    slope = take(scan_tile * channels);
    g = take(some * channels), gate = take(some * channels), dtu = take(some * channels);
    y = take(some * threads), along_B = take(some * threads);
    along_A = take(some * threads);
  }

  /// The sum of what the kLanes threads of a channel have left.
  __device__ static T over_states(const T* sums) {
    T sum = 0;
    if constexpr (kLanes % 4 == 0) {
#pragma unroll
      for (int quad = 0; quad < kLanes / 4; ++quad) {
        const Quad<T> s = reinterpret_cast<const Quad<T>*>(sums)[quad];
        sum += (s.v[0] + s.v[1]) + (s.v[2] + s.v[3]);
      }
    } else {
#pragma unroll
      for (int i = 0; i < kLanes; ++i) sum += sums[i];
    }
    return sum;
  }
};

}  // namespace lw::kernels
