// What the CUDA kernels of the causal convolution share. Internal; for .cu files.
#pragma once

#include "core/cuda_math.h"
#include "kernels/causal_conv1d/sequence.h"

namespace lw::kernels {

/// The work of a thread: the steps [begin, end) of one channel of a batch row. Neighbouring threads
/// have neighbouring channels.
template <class T>
struct ConvTask {
  const ConvSequence<T>& in;
  int64_t c, number;  // channel; place among the chunks of all rows
  int64_t b, begin, end;

  __device__ explicit ConvTask(const ConvSequence<T>& sequence)
      : in(sequence),
        c(cuda::thread_number() % in.channels),
        number(cuda::thread_number() / in.channels),
        b(number / in.chunks),
        begin(number % in.chunks * conv_chunk),
        end(begin + conv_chunk < in.time ? begin + conv_chunk : in.time) {}
  __device__ bool none() const { return b >= in.batch; }
};

template <class T>
struct ConvWeights {
  View<const T, 2> taps;  // [channel, width]
  const T* bias;          // null: zero

  explicit ConvWeights(const CausalConv1d& in)
      : taps(in.weight.view<const T, 2>()), bias(in.bias ? in.bias.data<T>() : nullptr) {}
};

template <class T>
struct ConvGradients {
  View<const T, 3> dy, dstate;  // of the results; data is null where there is none
  View<T, 3> dx, dinitial;      // of the arguments; likewise

  ConvGradients(const Tensor& y, const Tensor& state, const CausalConv1dGradients& out)
      : dy(y.view<const T, 3>()),
        dstate(optional_view<const T, 3>(state)),
        dx(out.x.view<T, 3>()),
        dinitial(optional_view<T, 3>(out.state)) {}

  /// `sum` is the gradient of the input at time s by way of y. From `kept` on the input is part of
  /// the final state, too.
  __device__ void write(const ConvSequence<T>& in, int64_t b, int64_t s, int64_t c, int64_t kept,
                        T sum) const {
    if (s < 0 && !dinitial.data) return;
    if (dstate.data && s >= kept) sum += dstate(b, s - (in.time - in.width + 1), c);
    (s < 0 ? dinitial(b, s + in.width - 1, c) : dx(b, s, c)) = sum;
  }
};

template <class T>
__device__ T activation(T p, bool silu) {
  return silu ? p * cuda::sigmoid(p) : p;
}
/// d activation / d p
template <class T>
__device__ T activation_slope(T p, bool silu) {
  if (!silu) return 1;
  const T s = cuda::sigmoid(p);
  return s * std::fma(p, 1 - s, T{1});
}

}  // namespace lw::kernels
