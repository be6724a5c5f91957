// dropout: y = x m / (1 - rate), with a random mask m of zeros and ones.
//
// m = 1 where u >= rate 2^32, with a random word u that is a pure function of a key and an index:
// word index % 4 of philox({index / 4 as two words, 0, 0}, key). Of an element at (sample, time,
// channel), the sample counted in the global batch, the index is
//
//   Mask::element   (sample T + time) C + channel
//   Mask::channel   sample C + channel             one mask for all times
//   Mask::sample    sample                         whole samples
//
// Shapes: x and y [sample, ..., channel]; the axes between count as time.
// dtypes: f32, f64, bf16, one for both; x may be pitched, y is contiguous. Cost: one pass over memory, and for
// Mask::element one word an element. The gradient is dx = dy m / (1 - rate): the same kernel.
// Deterministic: no state, equal for every number of threads, every device, and every cut of the
// batch into parts.
#pragma once

#include "core/kernel.h"
#include "core/philox.h"

namespace lw::kernels {

enum class Mask { element, channel, sample };

struct Dropout {
  Mask mask = Mask::element;
  double rate = 0;           ///< in [0, 1)
  uint64_t key = 0;          ///< names the draw; with `position`, the stream
  int64_t first_sample = 0;  ///< index, in the global batch, of sample 0
  /// i64 [2] where x is, read when the kernel runs: a step, whose first draw of the stream is meant, and what then stands for
  /// first_sample.
  Tensor position = {};
};

inline Kernel<void(const Dropout& how, const Tensor& x, Tensor& y)> dropout{"dropout"};

/// The key of the draw at the step of `position`.
LW_HOST_DEVICE inline uint64_t drawn_key(uint64_t key, const int64_t* position) {
  return philox_bits(key, static_cast<uint64_t>(position[0]), 0);
}

/// Random words below this one drop their element.
inline uint32_t drop_threshold(double rate) {
  return static_cast<uint32_t>(rate * 0x1p32 < 0x1p32 - 1 ? rate * 0x1p32 : 0x1p32 - 1);
}

/// What every device refuses.
inline void check_dropout(const Dropout& how, const Tensor& x, const Tensor& y) {
  check(!how.position || (how.position.numel() == 2 && how.position.is_contiguous() &&
                          how.position.device() == x.device()),
        "dropout: the position is ", how.position, ", expected two numbers where x is");
  check(x.rank() >= 1 && x.shape() == y.shape() && x.dtype() == y.dtype() && y.is_contiguous(),
        "dropout: ", x, " into ", y);
}

}  // namespace lw::kernels
