// What both passes of the selective scan on a GPU share: how a block of threads lies over channels
// and states, and what it reads. Internal; for .cu files; see README.md, "On a GPU".
#pragma once

#include <limits>

#include "core/cuda_math.h"
#include "kernels/segments.h"
#include "kernels/selective_scan/arguments.h"

namespace lw::kernels {

inline constexpr int scan_threads = 128;                // of a block, mostly
inline constexpr int scan_tile = selective_scan_chunk;  // steps, and lanes of a warp
inline constexpr int64_t scan_most_states = 64;         // of a launch

/// The states that a launch computes: those of a channel take turns where they are very many, and
/// their sums stand meanwhile where the results will be.
struct StateRange {
  int64_t first, count;
  bool begins, ends;  // the first launch, the last one
};

/// Four neighbouring numbers; in f32 one load.
template <class T>
struct alignas(16) Quad {
  T v[4];
};

/// How a block lies over a row of the batch. In the recurrence kLanes neighbouring threads share a
/// channel, four states at a time each; in loops over steps and channels neighbouring threads have
/// neighbouring channels.
template <int kLanes, int kThreads = scan_threads>
struct ScanBlock {
  static constexpr int threads = kThreads, channels = kThreads / kLanes;

  int64_t b, panel, first;  // row, place among the blocks of the row, first channel
  int thread;
  int lane, c;      // in the recurrence; c counts from the first channel
  int row, column;  // in the loops: steps row, row + kLanes, ... of channel `column`

  __device__ explicit ScanBlock(int64_t panels)
      : b(blockIdx.x / panels),
        panel(blockIdx.x % panels),
        first(panel * channels),
        thread(static_cast<int>(threadIdx.x)),
        lane(thread % kLanes),
        c(thread / kLanes),
        row(thread / channels),
        column(thread % channels) {}
};

/// A place in one channel of a tensor, or in one state of B or C, that moves through time.
template <class T>
struct ScanColumn {
  T* at;
  int64_t pitch;  // of a step, in elements

  __device__ ScanColumn(const View<T, 3>& v, int64_t b, int64_t t, int64_t c)
      : at(v.data ? &v(b, t, c) : nullptr), pitch(v.strides[1]) {}
  __device__ void move(int steps) { at += steps * pitch; }
};

/// dt = softplus(v) = max(v, 0) + log(1 + e^-|v|), v itself above 20, and its slope; as on a CPU.
template <class T>
struct ScanStep {
  T dt, slope;
};
/// `linear_above`: 20 for softplus, minus infinity for none.
template <class T>
__device__ ScanStep<T> step_size(T v, T linear_above) {
  const bool linear = !(v <= linear_above);
  const T e = std::exp(-std::abs(v));
  T log1p;
  if constexpr (sizeof(T) == 8) {
    log1p = std::log1p(e);
  } else {
    const T s = cuda::divide_quick(e, 2 + e), z = s * s;
    T R = std::fma(0.268514980f, z, 0.282366198f);
    R = std::fma(R, z, 0.400075606f);
    R = std::fma(R, z, 0.666666403f);
    log1p = s * std::fma(z, R, 2.f);
  }
  const T dt = (v > 0 ? v : 0) + log1p, slope = cuda::divide_quick(v < 0 ? e : T{1}, 1 + e);
  return {linear ? v : dt, linear ? T{1} : slope};
}

template <class T>
__device__ T linear_above(bool softplus) {
  return softplus ? T{20} : -std::numeric_limits<T>::infinity();
}

template <class T>
inline constexpr T scan_log2_e = static_cast<T>(1.4426950408889634);
template <class T>
inline constexpr T scan_ln_2 = static_cast<T>(0.69314718055994531);

/// to[t][n] = from(b, begin + t, range.first + n): the rows of B or C that a tile needs, zero where
/// there is no such step or state.
template <int kWidth, int kThreads, class T>
__device__ void load_rows(const View<const T, 3>& from, int64_t b, int64_t begin, int steps,
                          const StateRange& range, T* to) {
  constexpr int together = kThreads / kWidth;  // rows
  const int thread = static_cast<int>(threadIdx.x), n = thread % kWidth, row = thread / kWidth;
  if (n >= range.count) steps = 0;
  ScanColumn<const T> rows(from, b, begin + row, range.first + n);
#pragma unroll 4
  for (int t = row; t < scan_tile; t += together, rows.move(together))
    to[t * kWidth + n] = t < steps ? *rows.at : T{0};
}

/// Bit t: whether a document starts at step t of the tile. Asked by whole warps.
template <class T>
__device__ uint32_t starts_of(const ScanArguments<T>& in, int64_t b, int64_t begin, int steps) {
  if (!in.resets.data) return 0;
  const int t = static_cast<int>(threadIdx.x) % warpSize;
  return __ballot_sync(0xffffffffu, t < steps && starts_at(in.resets, b, begin + t));
}

}  // namespace lw::kernels
