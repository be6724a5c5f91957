// Recurrent networks on a GPU: a block has a batch row and goes through time; its threads have the channels. See README.md, "On
// a GPU".
#include <algorithm>
#include <type_traits>

#include "core/cuda_launch.h"
#include "core/cuda_math.h"
#include "kernels/rnn/terms.h"

namespace lw::kernels {
namespace {

constexpr int most_threads = 512;

/// s (1 - s) dy and (1 - t^2) dy
template <class T>
__device__ T through_sigmoid(T s, T dy) {
  return (s - s * s) * dy;
}
template <class T>
__device__ T through_tanh(T t, T dy) {
  return (1 - t * t) * dy;
}

/// `Wt` is W transposed, [channel, G channel], so that neighbouring threads read neighbouring numbers.
template <class T, RnnCell kCell>
__global__ void forward_kernel(const RnnTerms<T> p, View<const T, 2> Wt, View<T, 3> h_out,
                               View<T, 2> last, View<T, 3> saved) {
  constexpr int64_t gates = rnn_gates(kCell), states = rnn_states(kCell);
  const int64_t n = p.channels, row = blockIdx.x;
  T* h = cuda::dynamic_shared<T>();  // of the step before, and of this one; c behind them
  T *next = h + n, *c = next + n;
  for (int64_t k = threadIdx.x; k < n; k += blockDim.x) {
    h[k] = p.state.data ? p.state(row, k) : T{0};
    if constexpr (states > 1) c[k] = p.state.data ? p.state(row, n + k) : T{0};
  }
  __syncthreads();
  for (int64_t t = 0; t < p.time; ++t) {
    const bool starts = starts_at(p.resets, row, t);
    for (int64_t k = threadIdx.x; k < n; k += blockDim.x) {
      T product[gates];
      for (int64_t i = 0; i < gates; ++i) product[i] = p.b[i * n + k];
      for (int64_t j = 0; !starts && j < n; ++j)
        for (int64_t i = 0; i < gates; ++i)
          product[i] = std::fma(h[j], Wt(j, i * n + k), product[i]);
      const T* x = &p.x(row, t, k);
      const T before = starts ? T{0} : h[k];
      if constexpr (kCell == RnnCell::tanh) {
        next[k] = std::tanh(x[0] + product[0]);
      } else if constexpr (kCell == RnnCell::lstm) {
        const T i = cuda::sigmoid(x[0] + product[0]), f = cuda::sigmoid(x[n] + product[1]),
                g = std::tanh(x[2 * n] + product[2]), o = cuda::sigmoid(x[3 * n] + product[3]);
        c[k] = std::fma(f, starts ? T{0} : c[k], i * g);
        next[k] = o * std::tanh(c[k]);
        if (saved.data) {
          T* to = &saved(row, t, k);
          to[0] = i, to[n] = f, to[2 * n] = g, to[3 * n] = o, to[4 * n] = c[k];
        }
      } else {
        const T r = cuda::sigmoid(x[0] + product[0]), z = cuda::sigmoid(x[n] + product[1]);
        const T value = std::tanh(std::fma(r, product[2], x[2 * n]));
        next[k] = std::fma(z, before - value, value);
        if (saved.data) {
          T* to = &saved(row, t, k);
          to[0] = r, to[n] = z, to[2 * n] = value, to[3 * n] = product[2];
        }
      }
      h_out(row, t, k) = next[k];
    }
    __syncthreads();
    T* swapped = h;
    h = next, next = swapped;
  }
  for (int64_t k = threadIdx.x; k < n; k += blockDim.x) {
    last(row, k) = h[k];
    if constexpr (states > 1) last(row, n + k) = c[k];
  }
}

template <class T, RnnCell kCell>
__global__ void backward_kernel(const RnnTerms<T> p, const RnnGradientTerms<T> g) {
  constexpr int64_t gates = rnn_gates(kCell), states = rnn_states(kCell);
  const int64_t n = p.channels, row = blockIdx.x;
  T* dp = cuda::dynamic_shared<T>();                // of this step, [gates n]
  T *carry = dp + gates * n, *c_carry = carry + n;  // a thread reads and writes its own channels
  for (int64_t k = threadIdx.x; k < n; k += blockDim.x) {
    carry[k] = g.dlast.data ? g.dlast(row, k) : T{0};
    if constexpr (states > 1) c_carry[k] = g.dlast.data ? g.dlast(row, n + k) : T{0};
  }
  for (int64_t t = p.time - 1; t >= 0; --t) {
    const bool starts = starts_at(p.resets, row, t);
    for (int64_t k = threadIdx.x; k < n; k += blockDim.x) {
      const T dh = g.dh(row, t, k) + carry[k];
      T d[gates], direct = 0;  // of p; of the h before, but through W
      T* dx = &g.dx(row, t, k);
      if constexpr (kCell == RnnCell::tanh) {
        d[0] = through_tanh(g.h(row, t, k), dh);
      } else if constexpr (kCell == RnnCell::lstm) {
        const T* s = &g.saved(row, t, k);
        const T i = s[0], f = s[n], value = s[2 * n], o = s[3 * n], c = std::tanh(s[4 * n]);
        const T before = starts         ? T{0}
                         : t > 0        ? g.saved(row, t - 1, 4 * n + k)
                         : p.state.data ? p.state(row, n + k)
                                        : T{0};
        const T dc = c_carry[k] + through_tanh(c, dh * o);
        d[0] = through_sigmoid(i, dc * value), d[1] = through_sigmoid(f, dc * before);
        d[2] = through_tanh(value, dc * i), d[3] = through_sigmoid(o, dh * c);
        c_carry[k] = starts ? T{0} : dc * f;
      } else {
        const T* s = &g.saved(row, t, k);
        const T r = s[0], z = s[n], value = s[2 * n], product = s[3 * n];
        const T before = starts         ? T{0}
                         : t > 0        ? g.h(row, t - 1, k)
                         : p.state.data ? p.state(row, k)
                                        : T{0};
        const T dn = through_tanh(value, dh - z * dh);
        d[0] = through_sigmoid(r, dn * product), d[1] = through_sigmoid(z, dh * (before - value));
        d[2] = dn * r;
        direct = dh * z;
        dx[0] = d[0], dx[n] = d[1], dx[2 * n] = dn;
      }
      for (int64_t i = 0; i < gates; ++i) {
        dp[i * n + k] = d[i];
        g.dp(row, t, i * n + k) = d[i];
        if constexpr (kCell != RnnCell::gru) dx[i * n] = d[i];
      }
      carry[k] = direct;
    }
    __syncthreads();
    for (int64_t k = threadIdx.x; k < n; k += blockDim.x) {
      T sum = carry[k];
      for (int64_t j = 0; j < gates * n; ++j) sum = std::fma(dp[j], p.W(j, k), sum);
      carry[k] = starts ? T{0} : sum;
    }
    __syncthreads();
  }
  if (!g.dstate.data) return;
  for (int64_t k = threadIdx.x; k < n; k += blockDim.x) {
    g.dstate(row, k) = carry[k];
    if constexpr (states > 1) g.dstate(row, n + k) = c_carry[k];
  }
}

template <class T>
__global__ void transpose_kernel(View<const T, 2> W, View<T, 2> Wt) {
  const int64_t i = cuda::thread_number();
  if (i < W.sizes[0] * W.sizes[1])
    Wt(i % W.sizes[1], i / W.sizes[1]) = W(i / W.sizes[1], i % W.sizes[1]);
}

/// A block for each batch row, with `numbers` of T to share.
template <class T>
cuda::Grid grid_of(const RnnTerms<T>& p, int64_t numbers) {
  const int64_t threads = std::min<int64_t>(most_threads, cuda::divide_up(p.channels, 32) * 32);
  cuda::Grid grid = cuda::blocks(p.batch, static_cast<int>(std::max<int64_t>(threads, 32)));
  grid.shared_bytes = numbers * static_cast<int64_t>(sizeof(T));
  check(grid.shared_bytes <= cuda::shared_memory_of_block(), "rnn: ", p.channels, " channels of ",
        sizeof(T), " bytes are more than a block of this GPU holds");
  return grid;
}

void forward(const Rnn& in, Tensor& h, Tensor& state, Tensor& saved) {
  for_cell(in, [&](auto zero, auto cell) {
    using T = decltype(zero);
    const RnnTerms<T> p(in);
    Tensor Wt = Tensor::empty(Shape{in.W.size(1), in.W.size(0)}, in.W.dtype(), in.W.device());
    cuda::launch(transpose_kernel<T>, cuda::cover(Wt.numel()), p.W, Wt.view<T, 2>());
    cuda::launch(forward_kernel<T, cell.value>, grid_of(p, 3 * p.channels), p,
                 Wt.view<const T, 2>(), h.view<T, 3>(), state.view<T, 2>(),
                 optional_view<T, 3>(saved));
  });
}

void backward(const Rnn& in, const Tensor& h, const Tensor& saved, const Tensor& dh,
              const Tensor& dlast, Tensor& dx, Tensor& dp, Tensor& dstate) {
  for_cell(in, [&](auto zero, auto cell) {
    using T = decltype(zero);
    const RnnTerms<T> p(in);
    const RnnGradientTerms<T> g{h.view<const T, 3>(),
                                optional_view<const T, 3>(saved),
                                dh.view<const T, 3>(),
                                optional_view<const T, 2>(dlast),
                                dx.view<T, 3>(),
                                dp.view<T, 3>(),
                                optional_view<T, 2>(dstate)};
    cuda::launch(backward_kernel<T, cell.value>, grid_of(p, (rnn_gates(in.cell) + 2) * p.channels),
                 p, g);
  });
}

const Implementation on_cuda[] = {{rnn_forward, DeviceKind::cuda, &forward},
                                  {rnn_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
