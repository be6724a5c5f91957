// A scan in chunks, forward or back in time: the signal that comes out, and the states. See README.md, "In chunks".
// Internal; for .cu files.
#pragma once

#include "kernels/diagonal_scan/chunk_tables_cuda.h"

namespace lw::kernels {
namespace {

template <class T>
struct Walk {
  Cut cut;
  View<const T, 3> in;
  View<T, 3> out;              // without data: the states alone
  View<Complex<T>, 3> starts;  // of the sequences; without data: zero
  View<Complex<T>, 3> ends;    // of the sequences, to be written; or without data
  View<Complex<T>, 3> last;    // of the batch rows, to be written; or without data
  int64_t first_state = 0;     // of the group; what earlier groups put out stays
};

template <class T, int kTiles>
struct WalkMemory {
  WalkTable<T, kTiles> tables[block_channels];
  Samples<T> samples;
  Rows<const T> in;
  Rows<T> out;
};

/// The states of 16 sequences, real and imaginary parts side by side: states 4 tile + q.
template <class T, int kTiles>
using States = cuda::Tile<T>[kTiles];

template <class T>
__device__ Complex<T> complex_at(const cuda::Tile<T>& tile, int i) {
  return {tile.at[i][0], tile.at[i][1]};
}
template <class T>
__device__ void set_complex(cuda::Tile<T>& tile, int i, Complex<T> z) {
  tile.at[i][0] = z.re, tile.at[i][1] = z.im;
}

template <class T>
struct ChunkFactors {
  cuda::LeftFactor<T> at[2];  // of steps 0 .. 7 and 8 .. 15
};
/// The samples of the warp's sequences, so many steps later.
template <class T>
__device__ ChunkFactors<T> factors_of(Samples<T>& samples, const Place<T>& place,
                                      const int (&later)[2] = {0, 0}) {
  return {cuda::left_factor(samples.steps(place, 0, later)),
          cuda::left_factor(samples.steps(place, 1, later))};
}

/// y = T u + V x
template <class T, int kTiles>
__device__ void read(const WalkTable<T, kTiles>& table, int lane, const ChunkFactors<T>& u,
                     const States<T, kTiles>& x, cuda::Tile<T> (&y)[2]) {
  cuda::add_product(y[0], u.at[0], table.taps[0][lane]);
  cuda::add_product(y[1], u.at[0], table.taps[1][lane]);
  cuda::add_product(y[1], u.at[1], table.taps[0][lane]);
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    const auto state = cuda::left_factor(x[tile]);
    cuda::add_product(y[0], state, table.read[tile][0][lane]);
    cuda::add_product(y[1], state, table.read[tile][1][lane]);
  }
}

/// What samples add to four states.
template <class T, int kTiles>
__device__ cuda::Tile<T> product_with_steps(const Entry<T, kTiles>& entry, int tile, int lane,
                                            const ChunkFactors<T>& steps) {
  cuda::Tile<T> sum = {};
  cuda::add_product(sum, steps.at[0], entry[tile][0][lane]);
  cuda::add_product(sum, steps.at[1], entry[tile][1][lane]);
  return sum;
}

/// x becomes D x + W u.
template <class T, int kTiles>
__device__ void enter(const WalkTable<T, kTiles>& table, const Place<T>& place, const Lack& lack,
                      const ChunkFactors<T>& u, States<T, kTiles>& x) {
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    const cuda::Tile<T> more = product_with_steps<T, kTiles>(table.enter, tile, place.lane(), u);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const Complex<T> decay = table.decay[lack.extent(i)][4 * tile + place.q];
      set_complex(x[tile], i, add_product(complex_at(more, i), decay, complex_at(x[tile], i)));
    }
  }
}

template <class T, int kTiles>
__global__ void __launch_bounds__(threads_of_block<T>)
    walk_kernel(const Walk<T> w, const WalkTable<T, kTiles>* tables) {
  auto& memory = *cuda::dynamic_shared<WalkMemory<T, kTiles>>();
  const Place<T> place(w.cut, 1);
  const int64_t left = w.cut.channels - place.panel * block_channels;
  copy_tables<T>(tables + place.panel * block_channels,
                 left < block_channels ? left : block_channels, memory.tables);
  memory.in.find(w.in, w.cut, place.block_first);
  memory.out.find(w.out, w.cut, place.block_first);

  States<T, kTiles> x = {};
  const auto for_states = [&](const auto& f) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int64_t n = w.first_state + 4 * tile + place.q;
        if (place.busy && place.sequence(i) < w.cut.sequences() && n < w.cut.states)
          f(tile, i, place.sequence(i), n);
      }
  };
  if (w.starts.data)
    for_states([&](int tile, int i, int64_t s, int64_t n) {
      set_complex(x[tile], i, w.starts(s, place.c, n));
    });

  const WalkTable<T, kTiles>& table = memory.tables[place.channel];
  __syncthreads();
  Carrier<T> next;
  next.load(memory.in, w.cut, place, 0, w.in.strides[1]);
  for (int64_t k = 0; k < w.cut.chunks; ++k) {
    next.put(memory.samples);
    __syncthreads();
    const Lack lack(memory.in, place, k);
    ChunkFactors<T> u;
    if (place.busy) {
      cuda::Tile<T> y[2] = {};
      if (w.out.data) read(table, place.lane(), factors_of(memory.samples, place), x, y);
      u = factors_of(memory.samples, place, lack.steps);  // what there is, at the end of the chunk
      __syncwarp();                                       // all lanes have read their samples
      memory.samples.set_steps(place, 0, y[0]);
      memory.samples.set_steps(place, 1, y[1]);
    }
    if (k + 1 < w.cut.chunks) next.load(memory.in, w.cut, place, k + 1, w.in.strides[1]);
    if (place.busy) enter(table, place, lack, u, x);
    __syncthreads();
    if (w.out.data)
      Carrier<T>::store(memory.samples, memory.out, w.cut, place, k, w.out.strides[1],
                        w.first_state > 0);
  }

  for_states([&](int tile, int i, int64_t s, int64_t n) {
    const Complex<T> z = complex_at(x[tile], i);
    if (w.ends.data) w.ends(s, place.c, n) = z;
    if (w.last.data && w.cut.is_last(s)) w.last(w.cut.row(s), place.c, n) = z;
  });
}

/// From what zeros leave at the end of each sequence to what it starts with, in the place of it; a thread has an
/// element of the state of a batch row.
template <class T>
__global__ void carry_kernel(const System<T> system, const Cut cut, bool back,
                             View<Complex<T>, 3> initial, View<Complex<T>, 3> table) {
  const int64_t i = cuda::thread_number(), n = i % cut.states, c = i / cut.states % cut.channels,
                b = i / cut.states / cut.channels;
  if (b >= cut.batch) return;
  Complex<double> decay = complex_power(widen(system.A(c, n)), cut.steps);
  if (back) decay = conj(decay);
  Complex<double> x = initial.data ? widen(initial(b, c, n)) : Complex<double>{0, 0};
#pragma unroll 4
  for (int64_t s = b * cut.segments; s < (b + 1) * cut.segments; ++s) {
    const Complex<double> end = widen(table(s, c, n));
    table(s, c, n) = narrow<T>(x);
    x = end + decay * x;
  }
}

}  // namespace
}  // namespace lw::kernels
