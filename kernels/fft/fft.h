// fft: the discrete Fourier transform along time of every channel.
//
//   forward   y_f = sum_t x_t e^{-2 pi i f t / n}
//   inverse   y_t = (1/n) sum_f x_f e^{+2 pi i f t / n}
//
// Shapes: x, y [batch, time, channel], complex (c64 or c128), time = n = 2^a 3^b 5^c >= 1; either
// may be pitched. Pad to next_fast_length() for other lengths.
// Cost: about 4 n log2 n floating-point operations a transform, channels in the lanes of a vector;
// one buffer of n vectors a thread. Deterministic.
// Errors: a length with another prime factor throws Error, naming the next one that has none.
// Reference: README.md beside this file. Other kernels use the transforms below without this
// interface: fft-inl.h on the CPU, fft_cuda.h on a GPU.
#pragma once

#include "core/kernel.h"
#include "kernels/fft/fft_plan.h"

namespace lw::kernels {

enum class FftDirection { forward, inverse };

inline Kernel<void(const Tensor& x, FftDirection, Tensor& y)> fft{"fft"};

/// What every device refuses, but for the length.
inline void check_fft(const Tensor& x, const Tensor& y) {
  check(x.rank() == 3 && is_complex(x.dtype()) && x.shape() == y.shape() && x.dtype() == y.dtype(),
        "fft: expected complex [batch, time, channel], received ", x, " into ", y);
}

}  // namespace lw::kernels
