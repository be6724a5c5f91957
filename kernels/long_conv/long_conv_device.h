// What the transforms of a long convolution read and write on a GPU: rows of documents, taps, spectra.
// The notation is that of README.md. Internal; for .cu files.
#pragma once

#include "kernels/fft/fft_cuda.h"
#include "kernels/long_conv/documents.h"

namespace lw::kernels {

/// The documents of a bundle: a table, or without one every row of a tensor.
struct Documents {
  const Document* table;
  int64_t time;

  __device__ Document operator[](int64_t i) const {
    return table ? table[i] : Document{i, 0, time};
  }
};

/// Real rows [batch, time, channel], turned by the right angle: loads w^t x_t, zero beyond a
/// document's end, and stores Re(w^-t z_t).
template <class T>
struct RightAngleRows {
  View<T, 3> rows;
  Documents documents;
  const Complex<T>* w;

  __device__ Complex<T> load(int64_t signal, int64_t t, int64_t c) const {
    const Document document = documents[signal];
    if (t >= document.length) return {0, 0};
    return rows(document.row, document.begin + t, c) * w[t];
  }
  __device__ void store(int64_t signal, int64_t t, int64_t c, Complex<T> z) const {
    const Document document = documents[signal];
    if (t < document.length) rows(document.row, document.begin + t, c) = (conj(w[t]) * z).re;
  }
};

/// The kernels, as one signal; D joins tap 0, and the 1/n of the inverse transform is applied here.
template <class T>
struct TurnedTaps {
  View<const T, 2> k;
  const T* D;
  const Complex<T>* w;
  T scale;

  __device__ Complex<T> load(int64_t, int64_t m, int64_t c) const {
    if (m >= k.sizes[1]) return {0, 0};
    const T tap = D && m == 0 ? k(c, 0) + D[c] : k(c, m);
    return scale * tap * w[m];
  }
};

/// z <- K z, or conj(K) z
template <class T>
struct SpectrumProduct {
  const Complex<T>* spectrum;  // [position, channel]
  int64_t channels;
  bool conjugate;

  __device__ Complex<T> operator()(int64_t, int64_t p, int64_t c, Complex<T> z) const {
    const Complex<T> k = spectrum[p * channels + c];
    return (conjugate ? conj(k) : k) * z;
  }
};

/// Spectra of dk, one a part of the documents; loads their sum.
template <class T>
struct SpectrumSums {
  Complex<T>* sums;  // [part, position, channel]
  int64_t parts, n, channels;

  __device__ Complex<T>& at(int64_t part, int64_t p, int64_t c) const {
    return sums[(part * n + p) * channels + c];
  }
  __device__ Complex<T> load(int64_t, int64_t p, int64_t c) const {
    Complex<T> sum = at(0, p, c);
    for (int64_t part = 1; part < parts; ++part) sum += at(part, p, c);
    return sum;
  }
};

/// dk_m += Re(w^-m z_m) / n for lags below `lags`
template <class T>
struct TapGradients {
  View<T, 2> dk;
  const Complex<T>* w;
  int64_t lags;
  T scale;

  __device__ void store(int64_t, int64_t m, int64_t c, Complex<T> z) const {
    if (m < lags) dk(c, m) += scale * (conj(w[m]) * z).re;
  }
};

/// What the gradient does between the transforms of a document.
template <class T>
struct GradientProduct {
  SpectrumProduct<T> du;
  bool reverse;
  SpectrumSums<T> sums;  // without data where dk is not asked for
  Complex<T>* scratch;   // [block, point of the block]: the spectrum of u
};

/// A block goes through its part of the signals [first, first + count): the spectrum of dk is
/// added up over them, du computed if `wants_du`.
template <class T, class U, class Dy, class Du>
__global__ void __launch_bounds__(FftCut::max_threads, 1)
    long_conv_gradient_kernel(const DeviceFftPlan<T> plan, const FftCut cut, int64_t first,
                              int64_t count, int64_t channels, const U u, const Dy dy, const Du du,
                              bool wants_du, const GradientProduct<T> product) {
  FftBlock<T> block(plan, cut, channels);
  const int64_t part = block.signal, parts = product.sums.parts;
  Complex<T>* scratch = product.scratch + int64_t{blockIdx.x} * (cut.points << cut.log_group);
  const int64_t begin = part * count / parts, end = (part + 1) * count / parts;
  for (block.signal = first + begin; block.signal < first + end; ++block.signal) {
    if (product.sums.sums) {
      block.forward(u);
      block.for_points([&](int i, int64_t, int64_t, Complex<T>& z) { scratch[i] = z; });
    }
    block.forward(dy);
    block.for_points([&](int i, int64_t p, int64_t c, Complex<T>& z) {
      if (product.sums.sums) {
        Complex<T>& sum = product.sums.at(part, p, c);
        sum += product.reverse ? conj(z) * scratch[i] : conj(scratch[i]) * z;
      }
      z = product.du(block.signal, p, c, z);
    });
    if (wants_du) block.inverse(du);
  }
}

}  // namespace lw::kernels
