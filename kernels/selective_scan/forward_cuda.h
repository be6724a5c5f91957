// The forward pass of the selective scan on a GPU. Internal; for .cu files; see README.md, "On a
// GPU".
#pragma once

#include "kernels/selective_scan/block_cuda.h"

namespace lw::kernels {

/// What the recurrence reads of a step of a channel; dt makes way for the sum over states.
template <class T>
struct alignas(2 * sizeof(T)) ScanInput {
  T dt, dtu;
};

/// The shared memory of a block: a tile of steps.
template <class T, int kStates, int kLanes>
struct ForwardTile {
  static constexpr int width = kStates * kLanes;  // states of a channel
  static constexpr int channels = ScanBlock<kLanes>::channels;
  static constexpr int64_t bytes =
      scan_tile * (channels * sizeof(ScanInput<T>) + 2 * width * sizeof(T));

  T *B, *C;              // [step][state]
  ScanInput<T>* inputs;  // [step][channel]

  __device__ explicit ForwardTile(T* memory)
      : B(memory),
        C(B + scan_tile * width),
        inputs(reinterpret_cast<ScanInput<T>*>(C + scan_tile * width)) {}
};

/// Loop 1: step sizes, and what enters the states. Threads without a channel repeat the last one.
template <int kLanes, class T>
__device__ void enter(const ScanArguments<T>& in, const ScanBlock<kLanes>& at, int64_t begin,
                      int steps, ScanInput<T>* inputs) {
  const int64_t own = at.first + at.column, last = in.channels - 1;
  const int64_t channel = own < last ? own : last;
  const T bias = in.delta_bias ? in.delta_bias[channel] : T{0};
  const T linear = linear_above<T>(in.softplus);
  ScanColumn<const T> u(in.u, at.b, begin + at.row, channel);
  ScanColumn<const T> delta(in.delta, at.b, begin + at.row, channel);
  inputs += at.thread;
#pragma unroll 4
  for (int t = at.row; t < steps;
       t += kLanes, u.move(kLanes), delta.move(kLanes), inputs += scan_threads) {
    const T dt = step_size(*delta.at + bias, linear).dt;
    *inputs = {dt, dt * *u.at};
  }
}

/// Loop 2: h <- 2^(dt A) h + dt u B, and C h. The sum over states is a tree over groups of four, of
/// one shape for all numbers of lanes that share a channel: so the bits do not depend on that.
template <bool kStarts, class T, int kStates, int kLanes>
__device__ void recur(const ForwardTile<T, kStates, kLanes>& tile, const ScanBlock<kLanes>& at,
                      int steps, uint32_t starts, const T (&a)[kStates], T (&h)[kStates]) {
  constexpr int groups = kStates / 4;
  ScanInput<T>* input = tile.inputs + at.c;
  const Quad<T>* B = reinterpret_cast<const Quad<T>*>(tile.B) + at.lane;
  const Quad<T>* C = reinterpret_cast<const Quad<T>*>(tile.C) + at.lane;
#pragma unroll 2
  for (int t = 0; t < steps; ++t) {
    if (kStarts && (starts >> t & 1)) {
#pragma unroll
      for (int n = 0; n < kStates; ++n) h[n] = 0;
    }
    const auto [dt, dtu] = *input;
    T sums[groups];
#pragma unroll
    for (int k = 0; k < groups; ++k) {
      const Quad<T> b = B[k * kLanes], c = C[k * kLanes];
      sums[k] = 0;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        T& state = h[4 * k + i];
        state = std::fma(cuda::exp2_quick(dt * a[4 * k + i]), state, dtu * b.v[i]);
        sums[k] = std::fma(c.v[i], state, sums[k]);
      }
    }
#pragma unroll
    for (int half = groups / 2; half > 0; half /= 2)
#pragma unroll
      for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
#pragma unroll
    for (int other = kLanes / 2; other > 0; other /= 2)
      sums[0] += __shfl_xor_sync(0xffffffffu, sums[0], other);
    if (at.lane == 0) input->dt = sums[0];
    input += at.channels, B += groups * kLanes, C += groups * kLanes;
  }
}

/// Loop 3: skip and gate, or no more than the sum over the states so far.
template <int kLanes, class T>
__device__ void leave(const ScanArguments<T>& in, const StateRange& range,
                      const ScanBlock<kLanes>& at, int64_t begin, int steps,
                      const ScanInput<T>* inputs, const View<T, 3>& y) {
  constexpr int each = scan_tile / kLanes, together = each < 8 ? each : 8;
  const int64_t channel = at.first + at.column;
  if (channel >= in.channels) return;
  const bool gated = in.z.data;
  const T skip = in.D ? in.D[channel] : T{0};
  ScanColumn<const T> u(in.u, at.b, begin + at.row, channel);
  ScanColumn<const T> z(gated ? in.z : in.u, at.b, begin + at.row, channel);
  ScanColumn<T> to(y, at.b, begin + at.row, channel);
  inputs += at.thread;
  for (int first = at.row; first < steps; first += together * kLanes) {
    T us[together], zs[together];
#pragma unroll
    for (int i = 0; i < together; ++i, u.move(kLanes), z.move(kLanes)) {
      const bool there = first + i * kLanes < steps;
      us[i] = there ? *u.at : T{0};
      zs[i] = there ? *z.at : T{0};
    }
#pragma unroll
    for (int i = 0; i < together; ++i, to.move(kLanes), inputs += scan_threads) {
      const bool there = first + i * kLanes < steps;
      T p = inputs->dt;  // what it is beyond the end does not matter
      if (!range.begins && there) p += *to.at;
      if (range.ends) {
        p = std::fma(skip, us[i], p);
        p = gated ? p * (zs[i] * cuda::sigmoid(zs[i])) : p;
      }
      if (there) *to.at = p;
    }
  }
}

/// A block has scan_threads / kLanes channels of a row, and goes through time tile by tile.
template <class T, int kStates, int kLanes>
__global__ void __launch_bounds__(scan_threads, sizeof(T) == 8 ? 4
                                                : kStates == 4 ? 6
                                                               : 4)
    scan_forward_kernel(ScanArguments<T> in, StateRange range, int64_t panels, View<T, 3> y,
                        View<T, 3> final_state, View<T, 4> chunk_states) {
  using Tile = ForwardTile<T, kStates, kLanes>;
  const ScanBlock<kLanes> at(panels);
  const Tile tile(cuda::dynamic_shared<T>());
  const int64_t channel = at.first + at.c;
  // State i of this thread is number(i) of the launch.
  const auto number = [&](int i) { return (i / 4 * kLanes + at.lane) * 4 + i % 4; };
  const auto real = [&](int i) { return channel < in.channels && number(i) < range.count; };

  T a[kStates], h[kStates];
#pragma unroll
  for (int i = 0; i < kStates; ++i) {
    const int64_t n = range.first + number(i);
    a[i] = real(i) ? in.A(channel, n) * scan_log2_e<T> : T{0};
    h[i] = real(i) && in.initial_state.data ? in.initial_state(at.b, channel, n) : T{0};
  }
  for (int64_t index = 0; index < in.chunks; ++index) {
    const int64_t begin = index * scan_tile, left = in.time - begin;
    const int steps = left < scan_tile ? static_cast<int>(left) : scan_tile;
    if (chunk_states.data) {
#pragma unroll
      for (int i = 0; i < kStates; ++i)
        if (real(i)) chunk_states(at.b, index, range.first + number(i), channel) = h[i];
    }
    enter(in, at, begin, steps, tile.inputs);
    load_rows<Tile::width, scan_threads>(in.B, at.b, begin, steps, range, tile.B);
    load_rows<Tile::width, scan_threads>(in.C, at.b, begin, steps, range, tile.C);
    const uint32_t starts = starts_of(in, at.b, begin, steps);
    __syncthreads();
    if (starts == 0)
      recur<false>(tile, at, steps, starts, a, h);
    else
      recur<true>(tile, at, steps, starts, a, h);
    __syncthreads();
    leave(in, range, at, begin, steps, tile.inputs, y);  // what this thread itself enters next
  }
#pragma unroll
  for (int i = 0; i < kStates; ++i)
    if (real(i)) final_state(at.b, channel, range.first + number(i)) = h[i];
}

}  // namespace lw::kernels
