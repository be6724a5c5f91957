// FftBlock: the points that a CUDA block transforms in shared memory, and how transforms are cut into such
// blocks. Internal; for .cu files.
#pragma once

#include "core/cuda_launch.h"
#include "kernels/fft/butterfly_cuda.h"
#include "kernels/fft/fft_plan_cuda.h"

namespace lw::kernels {

/// How a transform is cut into blocks: the stages from `stage` on work on `points` neighbouring
/// positions of a few channels in shared memory, those before it in global memory.
struct FftCut {
  int stage = 0, points = 1, log_group = 0;  // 2^log_group channels
  int64_t subs = 1, groups = 1;              // pieces of a signal; groups of channels
  int64_t shared_bytes = 0;
  unsigned threads = 32;

  static constexpr int max_threads = 512;

  /// One point in nine stays empty, so that points whose distance is a power of two lie in
  /// different banks.
  LW_HOST_DEVICE static constexpr int padded(int point) { return point + (point >> 3); }

  template <class T>
  static FftCut of(const DeviceFftPlan<T>& plan, int64_t channels) {
    const int64_t most = cuda::shared_memory_of_block(), half = most / 2;  // two blocks at a time
    FftCut cut;
    while (cut.log_group < 3 && (1 << cut.log_group) < channels) ++cut.log_group;
    const int widest = cut.log_group;
    for (;; ++cut.stage) {
      cut.points = cut.stage < plan.count ? plan.stages[cut.stage].n : 1;
      const auto bytes = [&] {
        return int64_t{padded(cut.points)} * int64_t{sizeof(Complex<T>)} << cut.log_group;
      };
      cut.log_group = widest;
      while (cut.log_group > 0 && (bytes() > most || (bytes() > half && cut.log_group > 2)))
        --cut.log_group;
      cut.shared_bytes = bytes();
      if (cut.shared_bytes <= most) break;
    }
    cut.subs = plan.n / cut.points;
    cut.groups = cuda::divide_up(channels, int64_t{1} << cut.log_group);
    const int64_t each = (int64_t{cut.points} << cut.log_group) / 16;
    while (cut.threads < each && cut.threads < max_threads) cut.threads += 32;
    return cut;
  }

  cuda::Grid grid(int64_t signals) const {
    cuda::Grid grid = cuda::blocks(signals * subs * groups, static_cast<int>(threads));
    grid.shared_bytes = shared_bytes;
    return grid;
  }
};

/// Runs f<R>() for the radix of a stage.
template <class F>
__device__ void for_radix(int radix, const F& f) {
  switch (radix) {
    case 8:
      return f(std::integral_constant<int, 8>());
    case 5:
      return f(std::integral_constant<int, 5>());
    case 4:
      return f(std::integral_constant<int, 4>());
    case 3:
      return f(std::integral_constant<int, 3>());
    case 2:
      return f(std::integral_constant<int, 2>());
    default:
      return f(std::integral_constant<int, 1>());
  }
}

/// The points of this block, in shared memory. Every thread visits the same points whenever it
/// goes through them.
template <class T>
class FftBlock {
 public:
  int64_t signal, first, channel;  ///< its signal, first position, and first channel

  __device__ FftBlock(const DeviceFftPlan<T>& plan, const FftCut& cut, int64_t channels)
      : plan_(plan), cut_(cut), data_(cuda::dynamic_shared<Complex<T>>()) {
    const int64_t piece = blockIdx.x / cut.groups;
    signal = piece / cut.subs;
    first = piece % cut.subs * cut.points;
    channel = blockIdx.x % cut.groups << cut.log_group;
    const int64_t left = channels - channel;
    width_ = left < (1 << cut.log_group) ? static_cast<int>(left) : 1 << cut.log_group;
  }

  /// f(number, position, channel, z) for each point of this thread; points beyond the channels are
  /// left out.
  template <class F>
  __device__ void for_points(const F& f) const {
    const int group = 1 << cut_.log_group, size = cut_.points << cut_.log_group;
    for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x)) {
      const int c = i & (group - 1), p = i >> cut_.log_group;
      if (c < width_) f(i, first + p, channel + c, at(p, c));
    }
  }
  template <class Source>
  __device__ void load(const Source& source) const {
    for_points([&](int, int64_t p, int64_t c, Complex<T>& z) { z = source.load(signal, p, c); });
  }
  template <class Sink>
  __device__ void store(const Sink& sink) const {
    for_points([&](int, int64_t p, int64_t c, Complex<T>& z) { sink.store(signal, p, c, z); });
  }

  /// The first stage reads the source, others find their points where the one before left them.
  template <class Source>
  __device__ void forward(const Source& source) const {
    pass<false>(
        plan_.stages[cut_.stage],
        [&](int p, int c) { return source.load(signal, first + p, channel + c); },
        [&](int p, int c, Complex<T> z) { at(p, c) = z; });
    for (int s = cut_.stage + 1; s < plan_.count; ++s) pass<false>(plan_.stages[s]);
    __syncthreads();
  }
  /// The last stage writes the sink.
  template <class Sink>
  __device__ void inverse(const Sink& sink) const {
    for (int s = plan_.count - 1; s > cut_.stage; --s) pass<true>(plan_.stages[s]);
    pass<true>(
        plan_.stages[cut_.stage], [&](int p, int c) { return at(p, c); },
        [&](int p, int c, Complex<T> z) { sink.store(signal, first + p, channel + c, z); });
  }

 private:
  __device__ Complex<T>& at(int p, int c) const {
    return data_[(FftCut::padded(p) << cut_.log_group) + c];
  }

  template <bool kInverse>
  __device__ void pass(const typename DeviceFftPlan<T>::Stage& stage) const {
    pass<kInverse>(
        stage, [&](int p, int c) { return at(p, c); },
        [&](int p, int c, Complex<T> z) { at(p, c) = z; });
  }
  template <bool kInverse, class Load, class Store>
  __device__ void pass(const typename DeviceFftPlan<T>::Stage& stage, const Load& load,
                       const Store& store) const {
    __syncthreads();
    for_radix(stage.radix, [&](auto radix) {
      constexpr int R = decltype(radix)::value;
      const int group = 1 << cut_.log_group, columns = stage.n / R;
      const int size = cut_.points / R << cut_.log_group;
      for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x)) {
        const int c = i & (group - 1), k = i >> cut_.log_group;
        if (c >= width_) continue;
        const int block = k / columns, j = k - block * columns, p = block * stage.n + j;
        fft_column<R, kInverse>(
            columns > 1 ? stage.twiddles + j * (R - 1) : nullptr,
            [&](int q) { return load(p + q * columns, c); },
            [&](int q, Complex<T> z) { store(p + q * columns, c, z); });
      }
    });
  }

  const DeviceFftPlan<T>& plan_;
  const FftCut& cut_;
  Complex<T>* data_;
  int width_;
};

}  // namespace lw::kernels
