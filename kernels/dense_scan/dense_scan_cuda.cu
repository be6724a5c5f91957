// The recurrence on a GPU: a block goes through time, a thread has elements of the state. See README.md, "On a GPU".
#include <algorithm>

#include "core/cuda_reduce.h"
#include "kernels/dense_scan/dense_scan.h"
#include "kernels/segments.h"

namespace lw::kernels {
namespace {

constexpr int64_t chunk_steps = 32;

/// One warp at least, eight at most.
int threads_of(int64_t N) {
  return static_cast<int>(std::clamp<int64_t>(cuda::divide_up(N, 32) * 32, 32, 256));
}

/// to[h, j, i] = from[h, i, j], so that neighbouring threads read neighbouring numbers.
template <class T>
__global__ void transpose_kernel(View<const T, 3> from, T* to) {
  const int64_t e = cuda::thread_number(), N = from.sizes[1];
  if (e >= from.sizes[0] * N * N) return;
  to[e] = from(e / (N * N), e % N, e / N % N);
}

/// after <- A before + B u_t, of batch row b and channel h; A is given transposed.
template <class T>
__device__ void advance(const DenseScanTerms<T>& p, const T* A, int64_t b, int64_t h, int64_t t,
                        const T* before, T* after) {
  const bool starts = starts_at(p.resets, b, t);
  const T u = p.u(b, t, h);
  for (int64_t i = threadIdx.x; i < p.N; i += blockDim.x) {
    T sum = p.B(h, i) * u;
    for (int64_t j = 0; !starts && j < p.N; ++j) sum = std::fma(A[j * p.N + i], before[j], sum);
    after[i] = sum;
  }
}

template <class T>
__global__ void forward_kernel(const DenseScanTerms<T> p, const T* A, View<T, 4> y,
                               View<T, 3> state) {
  const int64_t b = blockIdx.x / p.channels, h = blockIdx.x % p.channels;
  T *x = cuda::dynamic_shared<T>(), *next = x + p.N;
  for (int64_t i = threadIdx.x; i < p.N; i += blockDim.x)
    x[i] = p.state.data ? p.state(b, h, i) : T(0);
  __syncthreads();
  for (int64_t t = 0; t < p.time; ++t) {
    advance(p, A + h * p.N * p.N, b, h, t, x, next);
    __syncthreads();
    T* const before = x;
    x = next, next = before;
    for (int64_t m = threadIdx.x / 32; m < p.outputs; m += blockDim.x / 32) {
      T sum = 0;
      for (int64_t n = threadIdx.x % 32; n < p.N; n += 32) sum = std::fma(p.C(h, m, n), x[n], sum);
      sum = cuda::fold_warp<cuda::Sum>(sum);
      if (threadIdx.x % 32 == 0) y(b, t, h, m) = sum;
    }
  }
  for (int64_t i = threadIdx.x; i < p.N; i += blockDim.x) state(b, h, i) = x[i];
}

/// Memory of the blocks of the backward pass, one a channel: the states before each chunk [chunk, N]; in a
/// chunk, the states before each step and after the last [chunk_steps + 1, N] and what goes back through A
/// at each step [chunk_steps, N].
template <class T>
struct Scratch {
  T* memory;
  int64_t chunks, N;
  LW_HOST_DEVICE static int64_t numbers(int64_t chunks, int64_t N) {
    return (chunks + 2 * chunk_steps + 1) * N;
  }
  __device__ T* begins(int64_t h) const { return memory + h * numbers(chunks, N); }
  __device__ T* states(int64_t h) const { return begins(h) + chunks * N; }
  __device__ T* gradients(int64_t h) const { return states(h) + (chunk_steps + 1) * N; }
};

template <class T>
struct DenseScanGradientViews {
  View<T, 3> u, A, C, state;
  View<T, 2> B;
};

/// A block has a channel, of all batch rows, and the gradients of its matrices to itself.
template <class T>
__global__ void dense_backward_kernel(const DenseScanTerms<T> p, const T* A_transposed,
                                      View<const T, 4> dy, View<const T, 3> dfinal,
                                      DenseScanGradientViews<T> d, Scratch<T> scratch) {
  const int64_t h = blockIdx.x, N = p.N, self = threadIdx.x, threads = blockDim.x;
  const T* A = A_transposed + h * N * N;
  T *begins = scratch.begins(h), *x = scratch.states(h), *gs = scratch.gradients(h);
  T *g = cuda::dynamic_shared<T>(), *carry = g + N;
  for (int64_t e = self; e < N * N; e += threads) d.A(h, e / N, e % N) = 0;
  for (int64_t e = self; e < p.outputs * N; e += threads) d.C(h, e / N, e % N) = 0;
  for (int64_t i = self; i < N; i += threads) d.B(h, i) = 0;

  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t i = self; i < N; i += threads) {
      begins[i] = p.state.data ? p.state(b, h, i) : T(0);
      carry[i] = dfinal.data ? dfinal(b, h, i) : T(0);
    }
    __syncthreads();
    // forward through all chunks for the states before them, then back, from the last chunk to the first
    for (int64_t pass = 0; pass < 2 * scratch.chunks - 1; ++pass) {
      const bool back = pass >= scratch.chunks - 1;
      const int64_t chunk = back ? 2 * scratch.chunks - 2 - pass : pass;
      const int64_t begin = chunk * chunk_steps;
      const int64_t steps = p.time - begin < chunk_steps ? p.time - begin : chunk_steps;
      for (int64_t i = self; i < N; i += threads) x[i] = begins[chunk * N + i];
      __syncthreads();
      for (int64_t s = 0; s < steps; ++s) {
        advance(p, A, b, h, begin + s, x + s * N, x + (s + 1) * N);
        __syncthreads();
      }
      if (!back) {
        for (int64_t i = self; i < N; i += threads) begins[(chunk + 1) * N + i] = x[steps * N + i];
        __syncthreads();
        continue;
      }
      for (int64_t s = steps - 1; s >= 0; --s) {
        const int64_t t = begin + s;
        const bool starts = starts_at(p.resets, b, t);
        for (int64_t i = self; i < N; i += threads) {
          T sum = carry[i];
          for (int64_t m = 0; m < p.outputs; ++m) sum = std::fma(p.C(h, m, i), dy(b, t, h, m), sum);
          g[i] = sum;
          gs[s * N + i] = starts ? T(0) : sum;
          d.B(h, i) += sum * p.u(b, t, h);
        }
        __syncthreads();
        if (self < 32) {
          T sum = 0;
          for (int64_t n = self; n < N; n += 32) sum = std::fma(p.B(h, n), g[n], sum);
          sum = cuda::fold_warp<cuda::Sum>(sum);
          if (self == 0) d.u(b, t, h) = sum;
        }
        for (int64_t j = self; j < N; j += threads) {
          T sum = 0;
          for (int64_t i = 0; !starts && i < N; ++i) sum = std::fma(p.A(h, i, j), g[i], sum);
          carry[j] = sum;
        }
        __syncthreads();
      }
      for (int64_t e = self; e < N * N; e += threads) {
        const int64_t i = e / N, j = e % N;
        T sum = d.A(h, i, j);
        for (int64_t s = 0; s < steps; ++s) sum = std::fma(gs[s * N + i], x[s * N + j], sum);
        d.A(h, i, j) = sum;
      }
      for (int64_t e = self; e < p.outputs * N; e += threads) {
        const int64_t m = e / N, n = e % N;
        T sum = d.C(h, m, n);
        for (int64_t s = 0; s < steps; ++s)
          sum = std::fma(dy(b, begin + s, h, m), x[(s + 1) * N + n], sum);
        d.C(h, m, n) = sum;
      }
      __syncthreads();
    }
    for (int64_t i = self; d.state.data && i < N; i += threads) d.state(b, h, i) = carry[i];
    __syncthreads();
  }
}

template <class T>
struct Call {
  DenseScanTerms<T> p;
  Tensor A_transposed;
  int threads;

  explicit Call(const DenseScan& in)
      : p(in),
        A_transposed(Tensor::empty(in.A.shape(), in.A.dtype(), in.A.device())),
        threads(threads_of(p.N)) {
    cuda::launch(transpose_kernel<T>, cuda::cover(in.A.numel()), p.A,
                 A_transposed.template data<T>());
  }
  const T* A() const { return A_transposed.template data<T>(); }
  cuda::Grid grid(int64_t blocks) const {
    cuda::Grid grid = cuda::blocks(blocks, threads);
    grid.shared_bytes = 2 * p.N * int64_t{sizeof(T)};
    return grid;
  }
};

template <class T>
void forward_of(const DenseScan& in, Tensor& y, Tensor& state) {
  const Call<T> call(in);
  cuda::launch(forward_kernel<T>, call.grid(call.p.batch * call.p.channels), call.p, call.A(),
               y.view<T, 4>(), state.view<T, 3>());
}

template <class T>
void backward_of(const DenseScan& in, const Tensor& dy, const Tensor& dstate,
                 DenseScanGradients& out) {
  const Call<T> call(in);
  const auto& p = call.p;
  const int64_t chunks = std::max<int64_t>(1, cuda::divide_up(p.time, chunk_steps));
  const Tensor memory = Tensor::empty(Shape{p.channels, Scratch<T>::numbers(chunks, p.N)},
                                      in.u.dtype(), in.u.device());
  const DenseScanGradientViews<T> d{out.u.view<T, 3>(), out.A.view<T, 3>(), out.C.view<T, 3>(),
                                    optional_view<T, 3>(out.state), out.B.view<T, 2>()};
  cuda::launch(dense_backward_kernel<T>, call.grid(p.channels), p, call.A(), dy.view<const T, 4>(),
               optional_view<const T, 3>(dstate), d, Scratch<T>{memory.data<T>(), chunks, p.N});
}

void forward(const DenseScan& in, Tensor& y, Tensor& state) {
  for_float("dense_scan", in.u.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y, state); });
}

void backward(const DenseScan& in, const Tensor& dy, const Tensor& dstate,
              DenseScanGradients& out) {
  for_float("dense_scan", in.u.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(in, dy, dstate, out); });
}

const Implementation on_cuda[] = {{dense_scan_forward, DeviceKind::cuda, &forward},
                                  {dense_scan_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
