// What the kernels of a scan in chunks share: how the work is cut, what a thread has of it, and the samples of a chunk
// in shared memory. See README.md, "In chunks". Internal; for .cu files.
#pragma once

#include "core/cuda_tile_product.h"
#include "kernels/complex_cuda.h"
#include "kernels/diagonal_scan/diagonal_scan_chunks.h"

namespace lw::kernels {
namespace {

constexpr int chunk = 16;           // steps
constexpr int block_channels = 8;   // a warp has one of them
constexpr int warp_sequences = 16;  // the rows of a Tile
template <class T>
inline constexpr int threads_of_block = sizeof(T) == 4 ? 512 : 256;  // f64 needs the registers
template <class T>
inline constexpr int block_sequences = threads_of_block<T> / (32 * block_channels) * warp_sequences;

/// That keep a GPU busy, each with the channels of a block.
constexpr int64_t enough_sequences = 4096;
constexpr int64_t least_chunks = 4;  // of a segment

/// How time is cut: the sizes decide. A sequence is a segment of a batch row; segments follow each other in the
/// numbers of sequences.
struct Cut {
  int64_t batch, time, channels, states, panels;
  int64_t segments, steps;  // `steps` of a segment, whole chunks; the last one may have fewer
  int64_t chunks;           // of a segment

  Cut(int64_t batch, int64_t time, int64_t channels, int64_t states)
      : batch(batch),
        time(time),
        channels(channels),
        states(states),
        panels(cuda::divide_up(channels, block_channels)) {
    const int64_t all_chunks = cuda::divide_up(time, chunk), rows = batch * panels;
    const int64_t wanted = rows > 0 ? enough_sequences / rows : 1;
    const int64_t most = all_chunks / least_chunks;
    segments = wanted < most ? wanted : most;
    if (segments < 1) segments = 1;
    chunks = cuda::divide_up(all_chunks, segments);
    steps = chunks * chunk;
    segments = cuda::divide_up(time, steps);
  }

  LW_HOST_DEVICE int64_t sequences() const { return batch * segments; }
  /// Blocks for all sequences, panels and groups of states.
  template <class T>
  cuda::Grid grid(int64_t groups, int64_t shared_bytes) const {
    cuda::Grid grid = cuda::blocks(
        cuda::divide_up(sequences(), block_sequences<T>) * panels * groups, threads_of_block<T>);
    grid.shared_bytes = shared_bytes;
    return grid;
  }

  LW_HOST_DEVICE int64_t last_steps() const { return time - (segments - 1) * steps; }
  /// Steps of the last chunk, if it is not whole.
  LW_HOST_DEVICE int rest() const { return static_cast<int>(time % chunk); }
  LW_HOST_DEVICE int64_t row(int64_t sequence) const { return sequence / segments; }
  LW_HOST_DEVICE int64_t segment(int64_t sequence) const { return sequence % segments; }
  LW_HOST_DEVICE bool is_last(int64_t sequence) const { return segment(sequence) == segments - 1; }
  LW_HOST_DEVICE int64_t steps_of(int64_t sequence) const {
    return sequence >= sequences() ? 0 : is_last(sequence) ? last_steps() : steps;
  }
};

/// What a thread has of the work: a channel of the block, and for products a lane of the tiles of 16 sequences.
template <class T>
struct Place {
  int channel;          // of the block
  int first;            // sequence of the warp, in the block
  int r, q;             // see core/cuda_tile_product.h
  int c;                // the channel
  int panel, group;     // of channels, of states
  int64_t block_first;  // sequence of the block
  bool busy;            // the warp has work

  __device__ Place(const Cut& cut, int groups) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int block = static_cast<int>(blockIdx.x), panels = static_cast<int>(cut.panels);
    channel = warp % block_channels;
    first = warp / block_channels * warp_sequences;
    r = lane / 4, q = lane % 4;
    group = block % groups;
    panel = block / groups % panels;
    block_first = int64_t{block / groups / panels} * block_sequences<T>;
    c = panel * block_channels + channel;
    busy = c < cut.channels && block_first + first < cut.sequences();
  }
  __device__ int lane() const { return 4 * r + q; }
  /// Of rows r and r + 8 of a tile.
  __device__ int64_t sequence(int i) const { return block_first + first + r + 8 * i; }
};

/// Where a signal lies, in shared memory: for each sequence of the block its first step, and how many it has.
template <class T>
struct Rows {
  static constexpr int sequences = block_sequences<T>;
  T* first[sequences];
  int64_t steps[sequences];

  __device__ void find(const View<T, 3>& signal, const Cut& cut, int64_t block_first) {
    for (int i = static_cast<int>(threadIdx.x); i < sequences; i += threads_of_block<T>) {
      const int64_t s = block_first + i;
      steps[i] = signal.data ? cut.steps_of(s) : 0;
      if (steps[i] > 0) first[i] = &signal(cut.row(s), cut.segment(s) * cut.steps, 0);
    }
  }
};

/// What a sequence has of a chunk: all, the rest of its time, or nothing.
enum Extent : int { all_of_chunk, rest_of_chunk, none_of_chunk, extents };

/// How many steps of chunk k the rows r and r + 8 of a lane lack, and so what they have.
struct Lack {
  int steps[2];

  template <class T, class U>
  __device__ Lack(const Rows<U>& rows, const Place<T>& place, int64_t k) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int64_t left = rows.steps[place.first + place.r + 8 * i] - k * chunk;
      steps[i] = left < 0 ? chunk : left < chunk ? chunk - static_cast<int>(left) : 0;
    }
  }
  __device__ Extent extent(int i) const {
    return steps[i] == 0 ? all_of_chunk : steps[i] < chunk ? rest_of_chunk : none_of_chunk;
  }
};

/// The samples of a block in one chunk, [channel, sequence, step] in shared memory: pitched so that neither the lanes
/// that read a tile nor the threads that come from memory meet in a bank.
template <class T>
struct Samples {
  static constexpr int row = chunk + 8, of_channel = block_sequences<T> * row + 4;
  T at[block_channels * of_channel];

  __device__ T& operator()(int channel, int sequence, int step) {
    return at[channel * of_channel + sequence * row + step];
  }
  /// Steps 8 k .. 8 k + 7 of the warp's sequences, as the columns of a tile; of rows r and r + 8 so many steps later,
  /// with zeros before.
  __device__ cuda::Tile<T> steps(const Place<T>& place, int k, const int (&later)[2]) {
    cuda::Tile<T> tile;
    const int step = 8 * k + 2 * place.q;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const T* from = &(*this)(place.channel, place.first + place.r + 8 * i, step) - later[i];
      tile.at[i][0] = step >= later[i] ? from[0] : T{0};
      tile.at[i][1] = step + 1 >= later[i] ? from[1] : T{0};
    }
    return tile;
  }
  __device__ void set_steps(const Place<T>& place, int k, const cuda::Tile<T>& tile) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      T* to = &(*this)(place.channel, place.first + place.r + 8 * i, 8 * k + 2 * place.q);
      to[0] = tile.at[i][0], to[1] = tile.at[i][1];
    }
  }
};

/// What a thread carries between memory and Samples: of one channel, every fourth step of two sequences.
template <class T>
struct Carrier {
  static constexpr int apart = 4, steps = chunk / apart;
  T value[2][steps];

  __device__ static int channel() { return static_cast<int>(threadIdx.x) % block_channels; }
  __device__ static int step(int j) {
    return static_cast<int>(threadIdx.x) / block_channels % apart + apart * j;
  }
  __device__ static int sequence(int i) {
    return static_cast<int>(threadIdx.x) / 32 + block_sequences<T> / 2 * i;
  }
  /// Calls f(i, j, address) for those of chunk k that exist.
  template <class U, class F>
  __device__ static void for_each(const Rows<U>& rows, const Cut& cut, const Place<T>& place,
                                  int64_t k, int64_t stride, const F& f) {
    const int c = place.panel * block_channels + channel();
    if (c >= cut.channels) return;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int64_t begin = k * chunk + step(0), left = rows.steps[sequence(i)] - begin;
#pragma unroll
      for (int j = 0; j < steps; ++j)
        if (apart * j < left) f(i, j, rows.first[sequence(i)] + (begin + apart * j) * stride + c);
    }
  }
  __device__ void load(const Rows<const T>& rows, const Cut& cut, const Place<T>& place, int64_t k,
                       int64_t stride) {
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int j = 0; j < steps; ++j) value[i][j] = 0;
    for_each(rows, cut, place, k, stride,
             [&](int i, int j, const T* from) { value[i][j] = *from; });
  }
  __device__ void put(Samples<T>& samples) const {
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int j = 0; j < steps; ++j) samples(channel(), sequence(i), step(j)) = value[i][j];
  }
  /// From Samples to memory, added to what is there if `add`.
  __device__ static void store(Samples<T>& samples, const Rows<T>& rows, const Cut& cut,
                               const Place<T>& place, int64_t k, int64_t stride, bool add) {
    for_each(rows, cut, place, k, stride, [&](int i, int j, T* to) {
      const T x = samples(channel(), sequence(i), step(j));
      *to = add ? *to + x : x;
    });
  }
};

/// Copies `count` tables, whole words of 16 bytes, with all threads of a block of T.
template <class T, class Table>
__device__ void copy_tables(const Table* from, int64_t count, Table* to) {
  struct alignas(16) Word {
    uint64_t low, high;
  };
  static_assert(sizeof(Table) % sizeof(Word) == 0);
  for (int64_t i = threadIdx.x; i < count * int64_t{sizeof(Table) / sizeof(Word)};
       i += threads_of_block<T>)
    reinterpret_cast<Word*>(to)[i] = reinterpret_cast<const Word*>(from)[i];
}

}  // namespace
}  // namespace lw::kernels
