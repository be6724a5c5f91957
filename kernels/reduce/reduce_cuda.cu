// A result is folded by a warp or a block where the row is reduced, by slices of a block that stand
// side by side where columns are kept. Long reductions are cut into chunks, whose parts a second
// kernel folds in order.
#include "core/cuda_element.h"
#include "core/cuda_reduce.h"
#include "kernels/reduce/plan.h"

namespace lw::kernels {
namespace {

constexpr int threads = 256, columns = 32, slices = threads / columns;

/// Where results go: to y, or the part of a chunk to `parts` [chunk, result].
template <class E>
struct Target {
  E* y;
  double* parts;
  double scale;
  int64_t results;

  __device__ void write(int64_t result, int64_t chunk, int64_t at, double value) const {
    if (parts) {
      parts[chunk * results + result] = value;
    } else {
      y[at] = cuda::convert_element<E>(scale * value);
    }
  }
};

/// The row is reduced: `lanes` threads fold `span` elements of one result.
template <int lanes, class Op, class E>
__global__ void fold_rows_kernel(const E* x, Plan plan, int64_t span, Target<E> to) {
  const int64_t group = cuda::thread_number() / lanes;
  const int64_t result = group % to.results, chunk = group / to.results;
  const int64_t total = Plan::iterations(plan.reduced) * plan.row.size;
  const int64_t begin = chunk * span, end = begin + span < total ? begin + span : total;
  const Plan::Offsets kept = Plan::offsets_of(plan.kept, result);
  double value = Op::start;
  for (int64_t i = begin + threadIdx.x % lanes; i < end; i += lanes) {
    const int64_t piece = i / plan.row.size;
    const Plan::Offsets at = Plan::offsets_of(plan.reduced, piece);
    value = Op::fold(value,
                     cuda::convert_element<double>(x[kept.x + at.x + i - piece * plan.row.size]));
  }
  value = cuda::fold_lanes<lanes, Op>(value);
  if (threadIdx.x % lanes == 0 && begin < total) to.write(result, chunk, kept.y, value);
}

/// Columns are kept: every eighth of `span` rows for each of 32 columns.
template <class Op, class E>
__global__ void fold_columns_kernel(const E* x, Plan plan, int64_t span, Target<E> to) {
  __shared__ double parts[slices][columns];
  const int64_t across = cuda::divide_up(plan.row.size, columns);
  const int64_t iterations = Plan::iterations(plan.kept), rows = Plan::iterations(plan.reduced);
  const int64_t chunk = blockIdx.x / (across * iterations);
  const int64_t kept_index = blockIdx.x / across % iterations;
  const int column = static_cast<int>(threadIdx.x) % columns;
  const int slice = static_cast<int>(threadIdx.x) / columns;
  const int64_t c = blockIdx.x % across * columns + column;
  const int64_t begin = chunk * span, end = begin + span < rows ? begin + span : rows;
  const Plan::Offsets kept = Plan::offsets_of(plan.kept, kept_index);
  double value = Op::start;
  if (c < plan.row.size)
    for (int64_t r = begin + slice; r < end; r += slices)
      value = Op::fold(value, cuda::convert_element<double>(
                                  x[kept.x + Plan::offsets_of(plan.reduced, r).x + c]));
  parts[slice][column] = value;
  __syncthreads();
  if (slice > 0 || c >= plan.row.size) return;
  for (int s = 1; s < slices; ++s) value = Op::fold(value, parts[s][column]);
  to.write(kept_index * plan.row.size + c, chunk, kept.y + c, value);
}

template <class Op, class E>
__global__ void fold_parts_kernel(Plan plan, int64_t chunks, Target<E> to) {
  const int64_t result = cuda::thread_number();
  if (result >= to.results) return;
  double value = to.parts[result];
#pragma unroll 8
  for (int64_t chunk = 1; chunk < chunks; ++chunk)
    value = Op::fold(value, to.parts[chunk * to.results + result]);
  const int64_t width = plan.row.reduced ? 1 : plan.row.size;
  const int64_t at = Plan::offsets_of(plan.kept, result / width).y + result % width;
  to.y[at] = cuda::convert_element<E>(to.scale * value);
}

template <class Op, class E>
void reduce(const Tensor& x, const Plan& plan, double scale, Tensor& y) {
  const bool rows = plan.row.reduced;
  const int64_t results = Plan::iterations(plan.kept) * (rows ? 1 : plan.row.size);
  const int64_t total = Plan::iterations(plan.reduced) * (rows ? plan.row.size : 1);
  // Long sums are cut for all multiprocessors, and no further: one thread adds up the parts of a result.
  constexpr int64_t most_chunks = 256;
  const int64_t least = rows ? 32 * threads : 16 * slices;
  const int64_t span = least * std::max<int64_t>(1, cuda::divide_up(total, least * most_chunks));
  const int64_t chunks = cuda::divide_up(total, span);
  Tensor parts;
  if (chunks > 1) parts = Tensor::empty({chunks, results}, DType::f64, x.device());
  const Target<E> to{static_cast<E*>(y.raw()), chunks > 1 ? parts.data<double>() : nullptr, scale,
                     results};
  const auto* from = static_cast<const E*>(x.raw());
  if (!rows) {
    const int64_t across = cuda::divide_up(plan.row.size, columns);
    cuda::launch(fold_columns_kernel<Op, E>,
                 cuda::blocks(chunks * across * Plan::iterations(plan.kept), threads), from, plan,
                 span, to);
  } else if (total <= 1024) {
    // A warp a result; those that the last block has too many begin behind the end.
    cuda::launch(fold_rows_kernel<32, Op, E>, cuda::cover(32 * results, threads), from, plan, span,
                 to);
  } else {
    cuda::launch(fold_rows_kernel<threads, Op, E>, cuda::blocks(results * chunks, threads), from,
                 plan, span, to);
  }
  if (chunks > 1) cuda::launch(fold_parts_kernel<Op, E>, cuda::cover(results), plan, chunks, to);
}

template <class Op>
void reduce_all(const Tensor& x, const Axes& axes, double scale, Tensor& y) {
  const Plan plan(x, axes, y);
  const DType dtype = real_of(x.dtype());
  const auto run = [&](auto tag) { reduce<Op, typename decltype(tag)::type>(x, plan, scale, y); };
  dtype == DType::bf16 ? run(TypeTag<bfloat16>()) : for_float("reduce", dtype, run);
}

template <class E>
__device__ bool same_number(E a, E b) {
  return a == b || (a != a && b != b);
}

/// The row is reduced: a warp walks along the elements of one result.
template <class E>
__global__ void mark_first_in_rows_kernel(Plan plan, int64_t results, const E* x, const E* y,
                                          const E* dy, E* dx) {
  const int64_t result = cuda::thread_number() / 32;
  if (result >= results) return;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const Plan::Offsets kept = Plan::offsets_of(plan.kept, result);
  const E most = y[kept.y], gradient = dy[kept.y];
  const int64_t total = Plan::iterations(plan.reduced) * plan.row.size;
  bool found = false;
  for (int64_t begin = 0; begin < total; begin += 32) {
    const int64_t i = begin + lane, piece = i / plan.row.size, column = i - piece * plan.row.size;
    const Plan::Offsets at = Plan::offsets_of(plan.reduced, piece);
    const bool equal = i < total && same_number(x[kept.x + at.x + column], most);
    const uint32_t all = __ballot_sync(0xffffffffu, equal), before = all & ((1u << lane) - 1);
    if (i < total) dx[kept.dx + at.dx + column] = equal && !found && before == 0 ? gradient : E(0);
    found = found || all != 0;
  }
}

/// Columns are kept: a thread walks down each.
template <class E>
__global__ void mark_first_in_columns_kernel(Plan plan, int64_t results, const E* x, const E* y,
                                             const E* dy, E* dx) {
  const int64_t result = cuda::thread_number();
  if (result >= results) return;
  const int64_t column = result % plan.row.size;
  const Plan::Offsets kept = Plan::offsets_of(plan.kept, result / plan.row.size);
  const E most = y[kept.y + column], gradient = dy[kept.y + column];
  const int64_t rows = Plan::iterations(plan.reduced);
  bool found = false;
  for (int64_t r = 0; r < rows; ++r) {
    const Plan::Offsets at = Plan::offsets_of(plan.reduced, r);
    const bool equal = same_number(x[kept.x + at.x + column], most);
    dx[kept.dx + at.dx + column] = equal && !found ? gradient : E(0);
    found = found || equal;
  }
}

void sum_cuda(const Tensor& x, const Axes& axes, double scale, Tensor& y) {
  check_reduced("sum", x, axes, y);
  if (x.numel() == 0) return y.fill(0);
  reduce_all<cuda::Sum>(x, axes, scale, y);
}

void max_cuda(const Tensor& x, const Axes& axes, Tensor& y) {
  check_reduced("max", x, axes, y);
  if (y.numel() == 0) return;
  check(x.numel() > 0, "max: there is no maximum of nothing, received ", x);
  reduce_all<cuda::Max>(x, axes, 1, y);
}

void max_backward_cuda(const Tensor& x, const Axes& axes, const Tensor& y, const Tensor& dy,
                       Tensor& dx) {
  check_reduced("max_backward", x, axes, y);
  if (x.numel() == 0) return;
  const Plan plan(x, axes, y, dx);
  const Tensor dy_whole = dy.contiguous();
  for_float("max", x.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    const int64_t results = y.numel();
    const bool rows = plan.row.reduced;
    cuda::launch(rows ? mark_first_in_rows_kernel<E> : mark_first_in_columns_kernel<E>,
                 cuda::cover(rows ? 32 * results : results), plan, results, x.data<E>(),
                 y.data<E>(), dy_whole.data<E>(), dx.data<E>());
  });
}

const Implementation cuda[] = {{sum, DeviceKind::cuda, &sum_cuda},
                               {max, DeviceKind::cuda, &max_cuda},
                               {max_backward, DeviceKind::cuda, &max_backward_cuda}};

}  // namespace
}  // namespace lw::kernels
