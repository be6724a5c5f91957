// Positions of equal ids brought together on a GPU: a stable radix sort without atomics. Internal;
// for .cu files.
//
// A pass sorts by eight bits of the ids. A block looks at a tile of 1024 positions in order, through
// shared memory; each of its 256 threads owns one of the 256 digits, and counts, or moves, the
// positions that have it. The order is therefore that of the positions, whatever runs first.
// Cost: log2(vocabulary) / 8 passes over the ids, of 1024 comparisons a thread.
#pragma once

#include <utility>

#include "core/cuda_launch.h"
#include "core/tensor.h"

namespace lw::kernels {

inline constexpr int digits = 256, digit_bits = 8, tile = 1024;

/// Positions sorted by id, positions of one id in order: those of id v are
/// positions[first[v]] ... positions[first[v + 1] - 1]. i64.
struct Grouped {
  Tensor positions, first;
};

/// Where position number k of the order so far is to be found: a null order is 0, 1, 2, ...
struct IdsInOrder {
  const int64_t *ids, *order;
  int64_t size;

  __device__ int64_t position(int64_t k) const { return order != nullptr ? order[k] : k; }
  __device__ int64_t id(int64_t k) const { return ids[position(k)]; }
};

/// The digits of this block's tile, at `shift` bits; -1 behind the last.
__device__ inline void load_digits(const IdsInOrder& in, int shift, int* found) {
  for (int k = static_cast<int>(threadIdx.x); k < tile; k += digits) {
    const int64_t at = blockIdx.x * int64_t{tile} + k;
    found[k] = at < in.size ? static_cast<int>(in.id(at) >> shift & (digits - 1)) : -1;
  }
  __syncthreads();
}

/// counts [tile, digit]
static __global__ void count_kernel(IdsInOrder in, int shift, int64_t* counts) {
  __shared__ int found[tile];
  load_digits(in, shift, found);
  const int digit = static_cast<int>(threadIdx.x);
  int64_t count = 0;
  for (int k = 0; k < tile; ++k) count += found[k] == digit;
  counts[int64_t{blockIdx.x} * digits + digit] = count;
}

/// Turns the counts into the places where the positions of each tile and digit go: digit by digit,
/// and tile by tile within one. One block.
static __global__ void place_kernel(int64_t* counts, int64_t tiles) {
  __shared__ int64_t totals[digits];
  const int digit = static_cast<int>(threadIdx.x);
  int64_t total = 0;
  for (int64_t t = 0; t < tiles; ++t) total += counts[t * digits + digit];
  totals[digit] = total;
  __syncthreads();
  int64_t place = 0;
  for (int d = 0; d < digit; ++d) place += totals[d];
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t count = counts[t * digits + digit];
    counts[t * digits + digit] = place;
    place += count;
  }
}

static __global__ void move_kernel(IdsInOrder in, int shift, const int64_t* places, int64_t* to) {
  __shared__ int found[tile];
  load_digits(in, shift, found);
  const int digit = static_cast<int>(threadIdx.x);
  int64_t place = places[int64_t{blockIdx.x} * digits + digit];
  for (int k = 0; k < tile; ++k)
    if (found[k] == digit) to[place++] = in.position(blockIdx.x * int64_t{tile} + k);
}

/// first[v], v = 0 ... vocabulary: how many of the sorted ids are smaller than v.
static __global__ void first_kernel(IdsInOrder in, int64_t vocabulary, int64_t* first) {
  const int64_t v = cuda::thread_number();
  if (v > vocabulary) return;
  int64_t begin = 0, end = in.size;
  while (begin < end) {
    const int64_t middle = (begin + end) / 2;
    if (in.id(middle) < v) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  first[v] = begin;
}

/// ids: i64 [n], each in [0, vocabulary).
inline Grouped group_positions(const Tensor& ids, int64_t vocabulary) {
  const int64_t n = ids.numel(), tiles = cuda::divide_up(n, tile);
  const auto scratch = [&](const Shape& shape) {
    return Tensor::empty(shape, DType::i64, ids.device());
  };
  Tensor to = scratch({n}), from, counts = scratch({tiles, digits});
  const auto order = [&](const Tensor& t) {
    return IdsInOrder{ids.data<int64_t>(), t ? t.data<int64_t>() : nullptr, n};
  };
  for (int shift = 0; shift == 0 || (vocabulary - 1) >> shift > 0; shift += digit_bits) {
    if (shift > 0) from = std::exchange(to, from ? from : scratch({n}));
    cuda::launch(count_kernel, cuda::blocks(tiles, digits), order(from), shift,
                 counts.data<int64_t>());
    cuda::launch(place_kernel, cuda::blocks(1, digits), counts.data<int64_t>(), tiles);
    cuda::launch(move_kernel, cuda::blocks(tiles, digits), order(from), shift,
                 counts.data<int64_t>(), to.data<int64_t>());
  }
  Tensor first = scratch({vocabulary + 1});
  cuda::launch(first_kernel, cuda::cover(vocabulary + 1), order(to), vocabulary,
               first.data<int64_t>());
  return {to, first};
}

}  // namespace lw::kernels
