// The transform along time on a GPU. See README.md, "On a GPU".
#include "kernels/complex_cuda.h"
#include "kernels/fft/fft.h"
#include "kernels/fft/fft_cuda.h"

namespace lw::kernels {
namespace {

/// A tensor in the order of time, or by positions of the spectrum where `frequency` is given.
template <class T>
struct ComplexRows {
  View<Complex<T>, 3> rows;
  const int32_t* frequency;
  T scale;

  __device__ Complex<T>& at(int64_t signal, int64_t p, int64_t c) const {
    return rows(signal, frequency ? frequency[p] : p, c);
  }
  __device__ Complex<T> load(int64_t signal, int64_t p, int64_t c) const {
    return at(signal, p, c);
  }
  __device__ void store(int64_t signal, int64_t p, int64_t c, Complex<T> z) const {
    at(signal, p, c) = scale * z;
  }
};

template <class T>
void transform(const Tensor& x, FftDirection way, Tensor& y) {
  const DeviceFftPlan<T>& plan = device_fft_plan<T>(x.size(1), x.device());
  const FftShape shape{x.size(0), x.size(2), x.device()};
  const auto from = complex_view<T, 3>(x), to = complex_view<T, 3>(y);
  if (way == FftDirection::forward) {
    fft_forward(plan, shape, ComplexRows<T>{from, nullptr, 1},
                ComplexRows<T>{to, plan.frequency, 1});
  } else {
    fft_inverse(plan, shape, ComplexRows<T>{from, plan.frequency, 1},
                ComplexRows<T>{to, nullptr, 1 / static_cast<T>(plan.n)});
  }
}

void fft_cuda(const Tensor& x, FftDirection way, Tensor& y) {
  check_fft(x, y);
  if (x.numel() == 0) return;
  for_float("fft", real_of(x.dtype()),
            [&](auto tag) { transform<typename decltype(tag)::type>(x, way, y); });
}

const Implementation on_cuda{fft, DeviceKind::cuda, &fft_cuda};

}  // namespace
}  // namespace lw::kernels
