// The causal convolution of widths too large, or too odd, for a window in registers: every sum is
// taken by itself, from memory. Internal; for .cu files.
#pragma once

#include "kernels/causal_conv1d/sequence_cuda.h"

namespace lw::kernels {

/// One element of a tensor [batch, time, channel], for each thread.
struct ConvPoint {
  int64_t b, t, c;
  __device__ ConvPoint(int64_t time, int64_t channels)
      : b(cuda::thread_number() / channels / time),
        t(cuda::thread_number() / channels % time),
        c(cuda::thread_number() % channels) {}
};

/// p_t, added in the order of the taps.
template <class T>
__device__ T before_activation(const ConvSequence<T>& in, const ConvWeights<T>& weights,
                               const ConvPoint& at) {
  T sum = weights.bias ? weights.bias[at.c] : T{0};
  const int64_t window = at.t - in.width + 1;
  for (int64_t s = in.first_seen(at.b, at.t); s <= at.t; ++s) {
    const T* row = in.input(at.b, s);
    if (row) sum = std::fma(weights.taps(at.c, s - window), row[at.c], sum);
  }
  return sum;
}

template <class T>
__global__ void any_forward_kernel(ConvSequence<T> in, ConvWeights<T> weights, View<T, 3> y) {
  const ConvPoint at(in.time, in.channels);
  if (at.b >= in.batch) return;
  y(at.b, at.t, at.c) = activation(before_activation(in, weights, at), in.silu);
}

/// g [batch, time, channel] = dL/dp_t
template <class T>
__global__ void any_gradient_kernel(ConvSequence<T> in, ConvWeights<T> weights,
                                    ConvGradients<T> gradients, View<T, 3> g) {
  const ConvPoint at(in.time, in.channels);
  if (at.b >= in.batch) return;
  const T slope = activation_slope(before_activation(in, weights, at), in.silu);
  g(at.b, at.t, at.c) = gradients.dy(at.b, at.t, at.c) * slope;
}

/// From g to the gradients of x and of the initial state.
template <class T>
__global__ void any_input_kernel(ConvSequence<T> in, ConvWeights<T> weights, View<const T, 3> g,
                                 ConvGradients<T> gradients) {
  const ConvPoint at(in.width - 1 + in.time, in.channels);
  if (at.b >= in.batch) return;
  const int64_t s = at.t - (in.width - 1);
  T sum = 0;
  for (int64_t t = s > 0 ? s : 0; t < s + in.width && t < in.time; ++t) {
    if (t > s && in.starts(at.b, t)) break;
    sum = std::fma(weights.taps(at.c, in.width - 1 - (t - s)), g(at.b, t, at.c), sum);
  }
  gradients.write(in, at.b, s, at.c, in.first_kept(at.b), sum);
}

/// What a chunk adds to the gradients of the taps and, as number `width`, of the bias: a thread for
/// each; sums [chunk of all rows, width + 1, channel].
template <class T>
__global__ void any_filter_kernel(ConvSequence<T> in, View<const T, 3> g, T* sums) {
  const ConvPoint at(in.width + 1, in.channels);  // tap t of chunk b
  const int64_t number = at.b, j = at.t;
  if (number >= in.batch * in.chunks) return;
  const int64_t b = number / in.chunks, begin = number % in.chunks * conv_chunk;
  int64_t first = begin > 0 ? in.first_seen(b, begin - 1) : 1 - in.width;
  T sum = 0;
  for (int64_t t = begin; t < begin + conv_chunk && t < in.time; ++t) {
    if (in.starts(b, t)) first = t;
    const int64_t s = t - in.width + 1 + j;
    const T* row = j < in.width && s >= first ? in.input(b, s) : nullptr;
    if (j == in.width)
      sum += g(b, t, at.c);
    else if (row)
      sum = std::fma(g(b, t, at.c), row[at.c], sum);
  }
  sums[cuda::thread_number()] = sum;
}

template <class T>
void forward_any_width(const ConvSequence<T>& in, const ConvWeights<T>& weights,
                       const View<T, 3>& y) {
  cuda::launch(any_forward_kernel<T>, cuda::cover(in.batch * in.time * in.channels), in, weights,
               y);
}

template <class T>
void backward_any_width(const ConvSequence<T>& in, const ConvWeights<T>& weights,
                        const ConvGradients<T>& gradients, const Tensor& sums) {
  const Tensor g = Tensor::empty(Shape{in.batch, in.time, in.channels}, dtype_of<T>, sums.device());
  cuda::launch(any_gradient_kernel<T>, cuda::cover(g.numel()), in, weights, gradients,
               g.view<T, 3>());
  cuda::launch(any_input_kernel<T>, cuda::cover(in.batch * (in.width - 1 + in.time) * in.channels),
               in, weights, g.view<const T, 3>(), gradients);
  cuda::launch(any_filter_kernel<T>, cuda::cover(sums.numel()), in, g.view<const T, 3>(),
               sums.data<T>());
}

}  // namespace lw::kernels
