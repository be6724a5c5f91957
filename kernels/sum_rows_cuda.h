// sum_rows: sums over the rows of matrices [rows, channels] on a GPU. Internal; for .cu files.
//
// A block is 32 neighbouring channels and eight rows, which it moves down a chunk of 64 rows or more
// (256 chunks at most): a warp reads whole lines. Each thread adds every eighth row of a chunk, the
// eight are added in order, and add_parts adds the chunks in double: the sizes decide the order.
#pragma once

#include "kernels/add_parts_cuda.h"

namespace lw::kernels {

inline constexpr int row_columns = 32, row_slices = 8;  // of a block
inline constexpr int64_t least_rows = 64, most_chunks = 256;

/// Rows in chunks, for blocks of 32 channels each.
struct RowPlan {
  int64_t rows, channels, grain, chunks, across;  // across: blocks along the channels

  explicit RowPlan(const Tensor& x) : rows(x.size(0)), channels(x.size(1)) {
    const int64_t wanted = cuda::divide_up(rows, most_chunks);
    grain = wanted > least_rows ? wanted : least_rows;
    chunks = cuda::divide_up(rows, grain);
    across = cuda::divide_up(channels, row_columns);
  }
  cuda::Grid grid() const { return cuda::blocks(chunks * across, row_columns * row_slices); }
};

/// The rows of one channel that a thread walks along: every eighth of a chunk.
struct RowWalk {
  int64_t chunk, channel, begin, end;

  __device__ explicit RowWalk(const RowPlan& plan)
      : chunk(blockIdx.x / plan.across),
        channel(blockIdx.x % plan.across * row_columns + threadIdx.x % row_columns),
        begin(chunk * plan.grain + threadIdx.x / row_columns),
        end((chunk + 1) * plan.grain < plan.rows ? (chunk + 1) * plan.grain : plan.rows) {
    if (channel >= plan.channels) end = begin;
  }
};

/// parts [chunk, Term::count, channel]: sums over rows of what `term` gives for (row, channel).
template <class Term, class T = typename Term::Element>
__global__ void sum_rows_kernel(RowPlan plan, Term term, T* parts) {
  constexpr int count = Term::count;
  __shared__ T shared[row_slices][count][row_columns];
  const RowWalk walk(plan);
  const int slice = static_cast<int>(threadIdx.x) / row_columns;
  const int column = static_cast<int>(threadIdx.x) % row_columns;
  T sums[count] = {};
#pragma unroll 4
  for (int64_t row = walk.begin; row < walk.end; row += row_slices)
    term.add(row, walk.channel, sums);
  for (int i = 0; i < count; ++i) shared[slice][i][column] = sums[i];
  __syncthreads();
  if (slice >= count || walk.channel >= plan.channels) return;
  T sum = 0;
  for (int s = 0; s < row_slices; ++s) sum += shared[s][slice][column];
  parts[(walk.chunk * count + slice) * plan.channels + walk.channel] = sum;
}

/// x
template <class T>
struct RowValue {
  using Element = T;
  static constexpr int count = 1;
  View<const T, 2> x;
  __device__ void add(int64_t row, int64_t c, T* sums) const { sums[0] += x(row, c); }
};

/// sums, of Term::count x channel elements: what `term` gives, added over all rows.
template <class Term, class T = typename Term::Element>
void sum_rows(const RowPlan& plan, const Term& term, Tensor& sums) {
  const Tensor parts =
      Tensor::empty({plan.chunks, Term::count, plan.channels}, dtype_of<T>, sums.device());
  cuda::launch(sum_rows_kernel<Term>, plan.grid(), plan, term, parts.data<T>());
  add_parts<T>(parts, 1, sums);
}

}  // namespace lw::kernels
