// Fourier transforms of all channels of some signals on a GPU: the parts that convolutions are built
// from. Internal; for .cu files.
//
//   fft_forward<T>(plan, shape, source, sink)          sink = FFT(source), frequencies out of order
//   fft_inverse<T>(plan, shape, source, sink)          sink = n IFFT(source), from that order
//   fft_around<T>(plan, shape, source, middle, sink)   both, and middle in between
//
// A source has load(signal, position, channel) and a sink store(signal, position, channel, z); middle
// maps (signal, position, channel, z) to the new z. All are plain values with __device__ members.
// The order of frequencies is that of FftPlan. README.md, "On a GPU", says how the work is cut.
#pragma once

#include "core/tensor.h"
#include "kernels/fft/fft_block_cuda.h"

namespace lw::kernels {

struct FftShape {
  int64_t signals, channels;
  Device device;
};

/// Signals in global memory, [signal, position, channel] without gaps; source and sink.
template <class T>
struct FftBuffer {
  Complex<T>* data;
  int64_t n, channels;
  int64_t first = 0;  ///< the signal that it begins with

  __device__ Complex<T>& at(int64_t signal, int64_t p, int64_t c) const {
    return data[((signal - first) * n + p) * channels + c];
  }
  __device__ Complex<T> load(int64_t signal, int64_t p, int64_t c) const {
    return at(signal, p, c);
  }
  __device__ void store(int64_t signal, int64_t p, int64_t c, Complex<T> z) const {
    at(signal, p, c) = z;
  }
};

struct NoMiddle {
  template <class Z>
  __device__ Z operator()(int64_t, int64_t, int64_t, Z z) const {
    return z;
  }
};

/// A block transforms its piece.
template <bool kForward, bool kInverse, class T, class Source, class Middle, class Sink>
__global__ void __launch_bounds__(FftCut::max_threads, 1)
    fft_block_kernel(const DeviceFftPlan<T> plan, const FftCut cut, int64_t first_signal,
                     int64_t channels, const Source source, const Middle middle, const Sink sink) {
  FftBlock<T> block(plan, cut, channels);
  block.signal += first_signal;
  if constexpr (kForward)
    block.forward(source);
  else
    block.load(source);
  if constexpr (kForward && kInverse)
    block.for_points(
        [&](int, int64_t p, int64_t c, Complex<T>& z) { z = middle(block.signal, p, c, z); });
  if constexpr (kInverse)
    block.inverse(sink);
  else
    block.store(sink);
}

/// A stage in global memory; a thread has one column of one channel.
template <bool kInverse, class T, class Source, class Sink>
__global__ void __launch_bounds__(cuda::block_threads)
    fft_stage_kernel(const typename DeviceFftPlan<T>::Stage stage, int n, int64_t first_signal,
                     int64_t signals, int64_t channels, const Source source, const Sink sink) {
  const int64_t i = cuda::thread_number(), c = i % channels, of_signal = n / stage.radix;
  const int64_t k = i / channels % of_signal, signal = i / channels / of_signal;
  if (signal >= signals) return;
  const int64_t columns = stage.n / stage.radix, j = k % columns, p = k / columns * stage.n + j;
  for_radix(stage.radix, [&](auto radix) {
    constexpr int R = decltype(radix)::value;
    fft_column<R, kInverse>(
        stage.twiddles + j * (R - 1),
        [&](int q) { return source.load(first_signal + signal, p + q * columns, c); },
        [&](int q, Complex<T> z) { sink.store(first_signal + signal, p + q * columns, c, z); });
  });
}

/// The stages before the cut, from a source into a buffer.
template <class T, class Source>
void fft_outer_forward(const DeviceFftPlan<T>& plan, const FftCut& cut, int64_t signals,
                       const Source& source, const FftBuffer<T>& buffer) {
  const auto grid = [&](int s) {
    return cuda::cover(signals * (plan.n / plan.stages[s].radix) * buffer.channels);
  };
  cuda::launch(fft_stage_kernel<false, T, Source, FftBuffer<T>>, grid(0), plan.stages[0], plan.n,
               buffer.first, signals, buffer.channels, source, buffer);
  for (int s = 1; s < cut.stage; ++s)
    cuda::launch(fft_stage_kernel<false, T, FftBuffer<T>, FftBuffer<T>>, grid(s), plan.stages[s],
                 plan.n, buffer.first, signals, buffer.channels, buffer, buffer);
}

/// The inverse ones, from a buffer into a sink.
template <class T, class Sink>
void fft_outer_inverse(const DeviceFftPlan<T>& plan, const FftCut& cut, int64_t signals,
                       const FftBuffer<T>& buffer, const Sink& sink) {
  const auto grid = [&](int s) {
    return cuda::cover(signals * (plan.n / plan.stages[s].radix) * buffer.channels);
  };
  for (int s = cut.stage - 1; s > 0; --s)
    cuda::launch(fft_stage_kernel<true, T, FftBuffer<T>, FftBuffer<T>>, grid(s), plan.stages[s],
                 plan.n, buffer.first, signals, buffer.channels, buffer, buffer);
  cuda::launch(fft_stage_kernel<true, T, FftBuffer<T>, Sink>, grid(0), plan.stages[0], plan.n,
               buffer.first, signals, buffer.channels, buffer, sink);
}

/// How many signals go through global memory at a time.
template <class T>
int64_t fft_slice(const DeviceFftPlan<T>& plan, const FftShape& shape) {
  constexpr int64_t bytes = int64_t{1} << 28;
  const int64_t each = plan.n * shape.channels * int64_t{sizeof(Complex<T>)};
  const int64_t slice = bytes / (each > 0 ? each : 1);
  return slice < 1 ? 1 : slice < shape.signals ? slice : shape.signals;
}

template <bool kForward, bool kInverse, class T, class Source, class Middle, class Sink>
void fft_stages(const DeviceFftPlan<T>& plan, const FftShape& shape, const Source& source,
                const Middle& middle, const Sink& sink) {
  if (shape.signals == 0 || shape.channels == 0) return;
  const FftCut cut = FftCut::of(plan, shape.channels);
  const auto blocks = [&](int64_t first, int64_t count, const auto& from, const auto& to) {
    using From = std::remove_cvref_t<decltype(from)>;
    using To = std::remove_cvref_t<decltype(to)>;
    cuda::launch(fft_block_kernel<kForward, kInverse, T, From, Middle, To>, cut.grid(count), plan,
                 cut, first, shape.channels, from, middle, to);
  };
  if (cut.stage == 0) return blocks(0, shape.signals, source, sink);

  const int64_t n = plan.n, slice = fft_slice(plan, shape);
  const Tensor memory =
      Tensor::empty({slice, n, shape.channels}, dtype_of<std::complex<T>>, shape.device);
  FftBuffer<T> buffer{static_cast<Complex<T>*>(memory.raw()), n, shape.channels};
  for (int64_t first = 0; first < shape.signals; first += slice) {
    const int64_t left = shape.signals - first, count = left < slice ? left : slice;
    buffer.first = first;
    if constexpr (kForward) fft_outer_forward(plan, cut, count, source, buffer);
    if constexpr (kForward && kInverse) blocks(first, count, buffer, buffer);
    if constexpr (kForward && !kInverse) blocks(first, count, buffer, sink);
    if constexpr (!kForward && kInverse) blocks(first, count, source, buffer);
    if constexpr (kInverse) fft_outer_inverse(plan, cut, count, buffer, sink);
  }
}

template <class T, class Source, class Sink>
void fft_forward(const DeviceFftPlan<T>& plan, const FftShape& shape, const Source& source,
                 const Sink& sink) {
  fft_stages<true, false>(plan, shape, source, NoMiddle(), sink);
}
template <class T, class Source, class Sink>
void fft_inverse(const DeviceFftPlan<T>& plan, const FftShape& shape, const Source& source,
                 const Sink& sink) {
  fft_stages<false, true>(plan, shape, source, NoMiddle(), sink);
}
template <class T, class Source, class Middle, class Sink>
void fft_around(const DeviceFftPlan<T>& plan, const FftShape& shape, const Source& source,
                const Middle& middle, const Sink& sink) {
  fft_stages<true, true>(plan, shape, source, middle, sink);
}

}  // namespace lw::kernels
