// The matrices that a scan multiplies a chunk by, from the powers of A, made once a call. See README.md, "In
// chunks". Internal; for .cu files.
#pragma once

#include "core/cuda_reduce.h"
#include "kernels/diagonal_scan/chunk_cuda.h"

namespace lw::kernels {
namespace {

template <class T>
struct System {
  View<Complex<T>, 2> A, B, C;
  double scale;

  explicit System(const DiagonalScan& in)
      : A(complex_view<T, 2>(in.A)),
        B(complex_view<T, 2>(in.B)),
        C(complex_view<T, 2>(in.C)),
        scale(in.conjugate_pairs ? 2 : 1) {}

  int64_t channels() const { return A.sizes[0]; }
  int64_t states() const { return A.sizes[1]; }
};

/// A system's element of the state in double; zero where there is none.
struct Element {
  Complex<double> A = {0, 0}, B = {0, 0}, kC = {0, 0};

  template <class T>
  __device__ Element(const System<T>& system, int64_t c, int64_t n, bool exists) {
    if (!exists) return;
    A = widen(system.A(c, n)), B = widen(system.B(c, n));
    kC = system.scale * widen(system.C(c, n));
  }
};

/// A matrix from the steps of a chunk to states: to the real parts of four states and their imaginary ones, in turns.
template <class T, int kTiles>
using Entry = cuda::RightFactor<T>[kTiles][2][32];

/// The numbers of each step and state that an Entry or its like is made of, in shared memory.
struct Weights {
  Complex<double> at[chunk][32];

  template <class T, int kTiles>
  __device__ void write(Entry<T, kTiles>& entry, int lane) const {
    const int r = lane / 4, q = lane % 4;
    for (int tile = 0; tile < kTiles; ++tile)
      for (int k = 0; k < 2; ++k) {
        const auto weight = [&](int step) {
          const Complex<double> z = at[step][4 * tile + r / 2];
          return r % 2 == 0 ? z.re : z.im;
        };
        const int step = 8 * k + 2 * q;
        entry[tile][k][lane] = cuda::right_factor<T>(weight(step), weight(step + 1));
      }
  }
};

__device__ inline int steps_of(Extent extent, int rest) {
  return extent == all_of_chunk ? chunk : extent == rest_of_chunk ? rest : 0;
}

/// What walk_kernel multiplies by, of a channel and a group of its states.
template <class T, int kTiles>
struct alignas(16) WalkTable {
  static constexpr int states = 4 * kTiles;
  cuda::RightFactor<T> taps[2][32];          // K_{j - i}: of i and j in one half, of j in the next
  cuda::RightFactor<T> read[kTiles][2][32];  // from the state to the steps of each half
  Entry<T, kTiles> enter;                    // from the steps to the state
  Complex<T> decay[extents][states];         // of the state
};

/// Tables [group, channel], each by one warp. Back in time a chunk is the same with other numbers; see README.md.
template <class T, int kTiles>
__global__ void walk_table_kernel(const System<T> system, int rest, bool back, int64_t channels,
                                  int64_t states, WalkTable<T, kTiles>* tables) {
  constexpr int group_states = WalkTable<T, kTiles>::states;
  __shared__ Weights enter, read;
  __shared__ double taps[chunk];
  WalkTable<T, kTiles>& table = tables[blockIdx.x];
  const int lane = static_cast<int>(threadIdx.x), r = lane / 4, q = lane % 4;
  const int64_t c = blockIdx.x % channels, n = blockIdx.x / channels * group_states + lane;
  const Element e(system, c, n, lane < group_states && n < states);
  Complex<double> power{1, 0};
  for (int m = 0; m <= chunk; ++m, power = power * e.A) {  // power = A^m
    if (m < chunk) {
      const double tap = cuda::fold_warp<cuda::Sum>((e.kC * e.B * power).re);
      if (lane == 0) taps[m] = tap;
    }
    if (back) {
      if (m > 0) enter.at[chunk - m][lane] = conj(e.kC * power);
      if (m < chunk) read.at[m][lane] = conj(e.B * power);
    } else {
      if (m < chunk) enter.at[chunk - 1 - m][lane] = e.B * power;
      if (m > 0) read.at[m - 1][lane] = e.kC * power;
    }
    const Complex<T> decay = narrow<T>(back ? conj(power) : power);
    for (const Extent extent : {all_of_chunk, rest_of_chunk, none_of_chunk})
      if (lane < group_states && m == steps_of(extent, rest)) table.decay[extent][lane] = decay;
  }
  __syncthreads();
  const auto tap = [&](int lag) { return lag >= 0 ? taps[lag] : 0; };
  for (int d = 0; d < 2; ++d)
    table.taps[d][lane] = cuda::right_factor<T>(tap(8 * d + r - 2 * q), tap(8 * d + r - 2 * q - 1));
  enter.write<T, kTiles>(table.enter, lane);
  for (int tile = 0; tile < kTiles; ++tile)
    for (int half = 0; half < 2; ++half) {
      const Complex<double> z = read.at[8 * half + r][4 * tile + q];
      table.read[tile][half][lane] = cuda::right_factor<T>(z.re, -z.im);
    }
}

/// What gradient_kernel multiplies by. A state and its slope, its derivative by A, go through time together.
template <class T, int kTiles>
struct alignas(16) GradientTable {
  static constexpr int states = 4 * kTiles;
  Entry<T, kTiles> enter, enter_slope;  // from u, for B = 1; to the slope, with B
  Entry<T, kTiles> meet,
      meet_slope;  // from dy, to what is multiplied by the state and by the slope
  Complex<T> decay[extents][states], decay_slope[extents][states];
  Complex<T> B[states], kC[states];
};

template <class T, int kTiles>
__global__ void gradient_table_kernel(const System<T> system, int rest, int64_t channels,
                                      int64_t states, GradientTable<T, kTiles>* tables) {
  constexpr int group_states = GradientTable<T, kTiles>::states;
  __shared__ Weights enter, enter_slope, meet, meet_slope;
  GradientTable<T, kTiles>& table = tables[blockIdx.x];
  const int lane = static_cast<int>(threadIdx.x);
  const int64_t c = blockIdx.x % channels, n = blockIdx.x / channels * group_states + lane;
  const Element e(system, c, n, lane < group_states && n < states);
  Complex<double> power{1, 0}, slope{0, 0};
  for (int m = 0; m <= chunk; ++m) {  // power = A^m, slope = m A^(m-1)
    if (m < chunk) {
      enter.at[chunk - 1 - m][lane] = power;
      enter_slope.at[chunk - 1 - m][lane] = e.B * slope;
    }
    if (m > 0) {
      meet.at[m - 1][lane] = conj(power);
      meet_slope.at[m - 1][lane] = conj(slope);
    }
    for (const Extent extent : {all_of_chunk, rest_of_chunk, none_of_chunk})
      if (lane < group_states && m == steps_of(extent, rest)) {
        table.decay[extent][lane] = narrow<T>(power);
        table.decay_slope[extent][lane] = narrow<T>(slope);
      }
    slope = static_cast<double>(m + 1) * power;
    power = power * e.A;
  }
  if (lane < group_states) table.B[lane] = narrow<T>(e.B), table.kC[lane] = narrow<T>(e.kC);
  __syncthreads();
  enter.write<T, kTiles>(table.enter, lane);
  enter_slope.write<T, kTiles>(table.enter_slope, lane);
  meet.write<T, kTiles>(table.meet, lane);
  meet_slope.write<T, kTiles>(table.meet_slope, lane);
}

}  // namespace
}  // namespace lw::kernels
