// Attention on a GPU: a thread has a query (backward also: a key) and walks along the keys (queries) it meets. See README.md, "On a
// GPU".
#include <cmath>
#include <limits>

#include "core/cuda_launch.h"
#include "kernels/attention/attention.h"
#include "kernels/optional_view.h"
#include "kernels/segments.h"

namespace lw::kernels {
namespace {

constexpr int lanes = 32;  // queries of a block, and rows of a tile

template <class T>
struct Problem {
  View<const T, 3> q, k, v;
  View<const int64_t, 2> first;  // [batch, time]
  int64_t batch, time, keys, past, heads, dim, panels;
  T scale;

  Problem(const Attention& in, const Tensor& first_keys, int64_t rows)
      : q(in.q.view<const T, 3>()),
        k(in.k.view<const T, 3>()),
        v(in.v.view<const T, 3>()),
        first(first_keys.view<const int64_t, 2>()),
        batch(q.sizes[0]),
        time(q.sizes[1]),
        keys(k.sizes[1]),
        past(keys - time),
        heads(in.heads),
        dim(q.sizes[2] / heads),
        panels(cuda::divide_up(rows, lanes)),
        scale(static_cast<T>(in.scale)) {}

  /// A block for each batch row, head and 32 rows, with `tables` of [32, dim + 1] numbers to share.
  cuda::Grid grid(int64_t tables) const {
    cuda::Grid grid = cuda::blocks(batch * heads * panels, lanes);
    grid.shared_bytes = tables * lanes * (dim + 1) * static_cast<int64_t>(sizeof(T));
    check(grid.shared_bytes <= cuda::shared_memory_of_block(), "attention: heads of ", dim,
          " numbers of ", sizeof(T), " bytes are more than a block of this GPU holds");
    return grid;
  }
};

/// Where a block works: its first row, and this thread's.
template <class T>
struct Task {
  const Problem<T>& p;
  int lane;
  int64_t begin, row, head, b;

  __device__ explicit Task(const Problem<T>& problem)
      : p(problem),
        lane(static_cast<int>(threadIdx.x)),
        begin(blockIdx.x % p.panels * lanes),
        row(begin + lane),
        head(blockIdx.x / p.panels % p.heads),
        b(blockIdx.x / p.panels / p.heads) {}

  __device__ int64_t pitch() const { return p.dim + 1; }
  /// Rows [from, from + 32) of this head, as far as there are any.
  __device__ void read(const View<const T, 3>& source, int64_t from, int64_t end, T* table) const {
    for (int64_t i = 0; i < lanes && from + i < end; ++i)
      for (int64_t c = lane; c < p.dim; c += lanes)
        table[i * pitch() + c] = source(b, from + i, head * p.dim + c);
  }
  __device__ void write(const T* table, T factor, int64_t end, const View<T, 3>& out) const {
    for (int64_t i = 0; i < lanes && begin + i < end; ++i)
      for (int64_t c = lane; c < p.dim; c += lanes)
        out(b, begin + i, head * p.dim + c) = factor * table[i * pitch() + c];
  }
  __device__ T dot(const T* x, const T* y) const {
    T sum = 0;
    for (int64_t c = 0; c < p.dim; ++c) sum = std::fma(x[c], y[c], sum);
    return sum;
  }
  __device__ void add(T factor, const T* x, T* y) const {
    for (int64_t c = 0; c < p.dim; ++c) y[c] = std::fma(factor, x[c], y[c]);
  }
  __device__ bool sees(int64_t query, int64_t key) const {
    return key >= p.first(b, query) && key <= p.past + query;
  }
  /// The tile that holds the first key that any query of the block sees.
  __device__ int64_t first_tile() const {
    const int64_t key = p.first(b, begin);  // of the first query: the least
    return key / lanes * lanes;
  }
};

template <class T>
__global__ void forward_kernel(const Problem<T> p, View<T, 3> o, View<T, 3> lse) {
  const Task<T> task(p);
  T* queries = cuda::dynamic_shared<T>();
  T *keys = queries + lanes * task.pitch(), *values = keys + lanes * task.pitch(),
    *out = values + lanes * task.pitch();
  T *q = queries + task.lane * task.pitch(), *mine = out + task.lane * task.pitch();
  task.read(p.q, task.begin, p.time, queries);
  for (int64_t c = 0; c < p.dim; ++c) mine[c] = 0;
  T most = -std::numeric_limits<T>::infinity(), sum = 0;
  const int64_t end = p.past + (task.begin + lanes < p.time ? task.begin + lanes : p.time);
  for (int64_t tile = task.first_tile(); tile < end; tile += lanes) {
    __syncthreads();
    task.read(p.k, tile, end, keys);
    task.read(p.v, tile, end, values);
    __syncthreads();
    for (int64_t j = 0; j < lanes && task.row < p.time; ++j) {
      if (!task.sees(task.row, tile + j)) continue;
      const T score = p.scale * task.dot(q, keys + j * task.pitch());
      if (score > most) {
        const T factor = std::exp(most - score);
        sum *= factor;
        for (int64_t c = 0; c < p.dim; ++c) mine[c] *= factor;
        most = score;
      }
      const T e = std::exp(score - most);
      sum += e;
      task.add(e, values + j * task.pitch(), mine);
    }
  }
  if (task.row < p.time) {
    for (int64_t c = 0; c < p.dim; ++c) mine[c] /= sum;
    lse(task.b, task.head, task.row) = most + std::log(sum);
  }
  __syncthreads();
  task.write(out, 1, p.time, o);
}

/// <do, o> of every query, [batch, heads, time].
template <class T>
__global__ void inner_kernel(const Problem<T> p, View<const T, 3> o, View<const T, 3> dout,
                             View<T, 3> inner) {
  const int64_t i = cuda::thread_number(), t = i % p.time, head = i / p.time % p.heads,
                b = i / p.time / p.heads;
  if (b >= p.batch) return;
  T sum = 0;
  for (int64_t c = head * p.dim; c < (head + 1) * p.dim; ++c)
    sum = std::fma(o(b, t, c), dout(b, t, c), sum);
  inner(b, head, t) = sum;
}

template <class T>
__global__ void query_gradient_kernel(const Problem<T> p, View<const T, 3> lse,
                                      View<const T, 3> dout, View<const T, 3> inner,
                                      View<T, 3> dq) {
  const Task<T> task(p);
  T* queries = cuda::dynamic_shared<T>();
  T *keys = queries + lanes * task.pitch(), *values = keys + lanes * task.pitch(),
    *douts = values + lanes * task.pitch(), *sums = douts + lanes * task.pitch();
  T *q = queries + task.lane * task.pitch(), *g = douts + task.lane * task.pitch(),
    *mine = sums + task.lane * task.pitch();
  task.read(p.q, task.begin, p.time, queries);
  task.read(dout, task.begin, p.time, douts);
  for (int64_t c = 0; c < p.dim; ++c) mine[c] = 0;
  const int64_t end = p.past + (task.begin + lanes < p.time ? task.begin + lanes : p.time);
  for (int64_t tile = task.first_tile(); tile < end; tile += lanes) {
    __syncthreads();
    task.read(p.k, tile, end, keys);
    task.read(p.v, tile, end, values);
    __syncthreads();
    for (int64_t j = 0; j < lanes && task.row < p.time; ++j) {
      if (!task.sees(task.row, tile + j)) continue;
      const T* k = keys + j * task.pitch();
      const T e = std::exp(p.scale * task.dot(q, k) - lse(task.b, task.head, task.row));
      const T ds =
          e * (task.dot(g, values + j * task.pitch()) - inner(task.b, task.head, task.row));
      task.add(ds, k, mine);
    }
  }
  __syncthreads();
  task.write(sums, p.scale, p.time, dq);
}

template <class T>
__global__ void key_gradient_kernel(const Problem<T> p, View<const T, 3> lse, View<const T, 3> dout,
                                    View<const T, 3> inner, View<T, 3> dk, View<T, 3> dv) {
  const Task<T> task(p);
  T* queries = cuda::dynamic_shared<T>();
  T *douts = queries + lanes * task.pitch(), *keys = douts + lanes * task.pitch(),
    *values = keys + lanes * task.pitch(), *dks = values + lanes * task.pitch(),
    *dvs = dks + lanes * task.pitch();
  const int64_t mine = task.lane * task.pitch();
  task.read(p.k, task.begin, p.keys, keys);
  task.read(p.v, task.begin, p.keys, values);
  for (int64_t c = 0; c < p.dim; ++c) dks[mine + c] = dvs[mine + c] = 0;
  const int64_t from = task.begin > p.past ? (task.begin - p.past) / lanes * lanes : 0;
  for (int64_t tile = from; tile < p.time; tile += lanes) {
    __syncthreads();
    task.read(p.q, tile, p.time, queries);
    task.read(dout, tile, p.time, douts);
    __syncthreads();
    for (int64_t i = 0; i < lanes && tile + i < p.time && task.row < p.keys; ++i) {
      if (!task.sees(tile + i, task.row)) continue;
      const T *q = queries + i * task.pitch(), *g = douts + i * task.pitch();
      const T e = std::exp(p.scale * task.dot(q, keys + mine) - lse(task.b, task.head, tile + i));
      const T ds = e * (task.dot(g, values + mine) - inner(task.b, task.head, tile + i));
      task.add(ds, q, dks + mine);
      task.add(e, g, dvs + mine);
    }
  }
  __syncthreads();
  task.write(dks, p.scale, p.keys, dk);
  task.write(dvs, 1, p.keys, dv);
}

/// A batch row a thread.
template <class T>
__global__ void first_keys_kernel(View<const T, 2> alive, View<const uint8_t, 2> resets,
                                  int64_t past, View<int64_t, 2> first) {
  const int64_t b = cuda::thread_number();
  if (b >= first.sizes[0]) return;
  int64_t at = 0;
  while (alive.data && at < past && alive(b, at) < T(0.5)) ++at;
  for (int64_t t = 0; t < first.sizes[1]; ++t) {
    if (starts_at(resets, b, t)) at = past + t;
    first(b, t) = at;
  }
}

void first_keys(const Attention& in, Tensor& first) {
  for_float("attention", in.q.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(first_keys_kernel<T>, cuda::cover(in.q.size(0)),
                 optional_view<const T, 2>(in.alive), optional_view<const uint8_t, 2>(in.resets),
                 in.k.size(1) - in.q.size(1), first.view<int64_t, 2>());
  });
}

Tensor first_keys_of(const Attention& in) {
  Tensor first = Tensor::empty(Shape{in.q.size(0), in.q.size(1)}, DType::i64, in.q.device());
  first_keys(in, first);
  return first;
}

void forward(const Attention& in, Tensor& o, Tensor& lse) {
  for_float("attention", in.q.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor first = first_keys_of(in);
    const Problem<T> p(in, first, in.q.size(1));
    cuda::launch(forward_kernel<T>, p.grid(4), p, o.view<T, 3>(), lse.view<T, 3>());
  });
}

void backward(const Attention& in, const Tensor& o, const Tensor& lse, const Tensor& dout,
              AttentionGradients& to) {
  for_float("attention", in.q.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor first = first_keys_of(in), inner = Tensor::empty_like(lse);
    const Problem<T> queries(in, first, in.q.size(1)), keys(in, first, in.k.size(1));
    const auto sums = lse.view<const T, 3>(), g = dout.view<const T, 3>();
    cuda::launch(inner_kernel<T>, cuda::cover(inner.numel()), queries, o.view<const T, 3>(), g,
                 Tensor(inner).view<T, 3>());
    cuda::launch(query_gradient_kernel<T>, queries.grid(5), queries, sums, g,
                 inner.view<const T, 3>(), to.q.view<T, 3>());
    cuda::launch(key_gradient_kernel<T>, keys.grid(6), keys, sums, g, inner.view<const T, 3>(),
                 to.k.view<T, 3>(), to.v.view<T, 3>());
  });
}

const Implementation on_cuda[] = {{attention_forward, DeviceKind::cuda, &forward},
                                  {attention_backward, DeviceKind::cuda, &backward},
                                  {attention_first_keys, DeviceKind::cuda, &first_keys}};

}  // namespace
}  // namespace lw::kernels
