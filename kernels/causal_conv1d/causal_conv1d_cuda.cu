// The causal convolution on a GPU: a thread slides down 64 steps of one channel. See README.md,
// "On a GPU".
#include "kernels/add_parts_cuda.h"
#include "kernels/causal_conv1d/any_width_cuda.h"
#include "kernels/causal_conv1d/causal_conv1d.h"
#include "kernels/causal_conv1d/sequence_cuda.h"

namespace lw::kernels {
namespace {

constexpr int ahead = 8;  // steps whose inputs are asked for before the first of them is used
constexpr int ahead_back = 4;

/// The last kWidth values of a stream, oldest first; in registers.
template <class T, int kWidth>
struct Window {
  T values[kWidth] = {};

  __device__ void push(T newest) {
#pragma unroll
    for (int i = 1; i < kWidth; ++i) values[i - 1] = values[i];
    values[kWidth - 1] = newest;
  }
  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) values[i] = 0;
  }
};

/// The inputs that time `t` still sees, its own not among them.
template <class T, int kWidth>
__device__ Window<T, kWidth> window_before(const ConvTask<T>& k, int64_t t) {
  Window<T, kWidth> window;
  const int64_t first = t > 0 ? k.in.first_seen(k.b, t - 1) : t - kWidth;
#pragma unroll
  for (int i = 1; i < kWidth; ++i) {
    const int64_t s = t - kWidth + i;
    const T* row = s >= first ? k.in.input(k.b, s) : nullptr;
    window.values[i] = row ? row[k.c] : T{0};
  }
  return window;
}

/// Bias and taps of a channel.
template <class T, int kWidth>
struct Filter {
  T taps[kWidth], bias;

  __device__ Filter(const ConvWeights<T>& weights, int64_t c)
      : bias(weights.bias ? weights.bias[c] : T{0}) {
#pragma unroll
    for (int j = 0; j < kWidth; ++j) taps[j] = weights.taps(c, j);
  }
  __device__ T operator()(const Window<T, kWidth>& window) const {
    T sum = bias;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) sum = std::fma(taps[j], window.values[j], sum);
    return sum;
  }
};

template <class T, int kWidth>
__global__ void __launch_bounds__(cuda::block_threads)
    forward_kernel(ConvSequence<T> in, ConvWeights<T> weights, View<T, 3> y) {
  const ConvTask<T> k(in);
  if (k.none()) return;
  const Filter<T, kWidth> filter(weights, k.c);
  Window<T, kWidth> window = window_before<T, kWidth>(k, k.begin);
  for (int64_t first = k.begin; first < k.end; first += ahead) {
    T inputs[ahead];
#pragma unroll
    for (int i = 0; i < ahead; ++i)
      inputs[i] = first + i < k.end ? in.x(k.b, first + i, k.c) : T{0};
#pragma unroll
    for (int i = 0; i < ahead; ++i) {
      const int64_t t = first + i;
      if (t >= k.end) return;
      if (in.starts(k.b, t)) window.clear();
      window.push(inputs[i]);
      y(k.b, t, k.c) = activation(filter(window), in.silu);
    }
  }
}

/// A slide of the backward pass: g = dL/dp_t of each step is added to the gradients of the inputs
/// that it was made of, which wait until the last step that sees them has passed.
template <class T, int kWidth>
__global__ void __launch_bounds__(cuda::block_threads, sizeof(T) == 4 ? 3 : 2)
    backward_kernel(ConvSequence<T> in, ConvWeights<T> weights, ConvGradients<T> gradients,
                    T* sums) {
  const ConvTask<T> k(in);
  if (k.none()) return;
  const Filter<T, kWidth> filter(weights, k.c);
  Window<T, kWidth> window = window_before<T, kWidth>(k, k.begin), waiting;
  T dtaps[kWidth] = {}, dbias = 0;
  int seen = kWidth - 1;  // of the inputs that wait, those that the step sees: the newest
  const int64_t end = k.end + kWidth - 1, halo = end < in.time ? end : in.time;
  const int64_t kept = in.first_kept(k.b);
  for (int64_t first = k.begin; first < end; first += ahead_back) {
    T inputs[ahead_back], dy[ahead_back];
#pragma unroll
    for (int i = 0; i < ahead_back; ++i) {
      inputs[i] = first + i < halo ? in.x(k.b, first + i, k.c) : T{0};
      dy[i] = first + i < halo ? gradients.dy(k.b, first + i, k.c) : T{0};
    }
#pragma unroll
    for (int i = 0; i < ahead_back; ++i) {
      const int64_t t = first + i;
      if (t >= end) break;
      waiting.push(0);
      if (t < halo) {
        if (in.starts(k.b, t)) window.clear(), seen = 0;
        window.push(inputs[i]);
        if (seen < kWidth) ++seen;
        const T g = dy[i] * activation_slope(filter(window), in.silu);
#pragma unroll
        for (int j = 0; j < kWidth; ++j) {
          if (j >= kWidth - seen)
            waiting.values[j] = std::fma(filter.taps[j], g, waiting.values[j]);
          if (t < k.end) dtaps[j] = std::fma(g, window.values[j], dtaps[j]);
        }
        if (t < k.end) dbias += g;
      }
      const int64_t s = t - kWidth + 1;
      if (s >= k.begin || k.begin == 0) gradients.write(in, k.b, s, k.c, kept, waiting.values[0]);
    }
  }
  T* to = sums + k.number * (kWidth + 1) * in.channels + k.c;
#pragma unroll
  for (int j = 0; j < kWidth; ++j) to[j * in.channels] = dtaps[j];
  to[kWidth * in.channels] = dbias;
}

/// The last width - 1 inputs, one a thread.
template <class T>
__global__ void state_kernel(ConvSequence<T> in, View<T, 3> state) {
  int64_t i = cuda::thread_number();
  if (i >= in.batch * (in.width - 1) * in.channels) return;
  const int64_t c = i % in.channels;
  i /= in.channels;
  const int64_t j = i % (in.width - 1), b = i / (in.width - 1), s = in.time - in.width + 1 + j;
  const T* row = s >= in.first_kept(b) ? in.input(b, s) : nullptr;
  state(b, j, c) = row ? row[c] : T{0};
}

/// Gradients of taps and bias from their sums [width + 1, channel].
template <class T>
__global__ void filter_gradient_kernel(const T* sums, View<T, 2> dtaps, T* dbias) {
  const int64_t i = cuda::thread_number(), channels = dtaps.sizes[0], width = dtaps.sizes[1];
  if (i >= (width + 1) * channels) return;
  const int64_t j = i / channels, c = i % channels;
  if (j < width)
    dtaps(c, j) = sums[i];
  else if (dbias)
    dbias[c] = sums[i];
}

template <class T>
void forward_of(const CausalConv1d& call, Tensor& y, Tensor& state) {
  const ConvSequence<T> in(call);
  const ConvWeights<T> weights(call);
  const auto out = y.view<T, 3>();
  const auto start = [&](auto* kernel) {
    cuda::launch(kernel, cuda::cover(in.batch * in.chunks * in.channels), in, weights, out);
  };
  switch (in.width) {
    case 2:
      start(forward_kernel<T, 2>);
      break;
    case 3:
      start(forward_kernel<T, 3>);
      break;
    case 4:
      start(forward_kernel<T, 4>);
      break;
    default:
      forward_any_width(in, weights, out);
  }
  cuda::launch(state_kernel<T>, cuda::cover(state.numel()), in, state.view<T, 3>());
}

template <class T>
void backward_of(const CausalConv1d& call, const Tensor& dy, const Tensor& dstate,
                 CausalConv1dGradients& out) {
  const ConvSequence<T> in(call);
  const ConvWeights<T> weights(call);
  const ConvGradients<T> gradients(dy, dstate, out);
  const Tensor sums =
      Tensor::empty({in.batch * in.chunks, in.width + 1, in.channels}, dtype_of<T>, dy.device());
  const auto start = [&](auto* kernel) {
    cuda::launch(kernel, cuda::cover(in.batch * in.chunks * in.channels), in, weights, gradients,
                 sums.data<T>());
  };
  switch (in.width) {
    case 2:
      start(backward_kernel<T, 2>);
      break;
    case 3:
      start(backward_kernel<T, 3>);
      break;
    case 4:
      start(backward_kernel<T, 4>);
      break;
    default:
      backward_any_width(in, weights, gradients, sums);
  }
  Tensor total = Tensor::empty({in.width + 1, in.channels}, dtype_of<T>, dy.device());
  add_parts<T>(sums, 1, total);
  cuda::launch(filter_gradient_kernel<T>, cuda::cover(total.numel()), total.data<T>(),
               out.weight.view<T, 2>(), out.bias ? out.bias.data<T>() : nullptr);
}

void forward_cuda(const CausalConv1d& in, Tensor& y, Tensor& state) {
  for_float("causal_conv1d", in.x.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y, state); });
}

void backward_cuda(const CausalConv1d& in, const Tensor& dy, const Tensor& dstate,
                   CausalConv1dGradients& out) {
  for_float("causal_conv1d", in.x.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(in, dy, dstate, out); });
}

const Implementation on_cuda[] = {{causal_conv1d_forward, DeviceKind::cuda, &forward_cuda},
                                  {causal_conv1d_backward, DeviceKind::cuda, &backward_cuda}};

}  // namespace
}  // namespace lw::kernels
