#include "kernels/fft/fft.h"

#include <algorithm>
#include <cstring>

#include "core/memory.h"
#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fft/fft_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/fft/fft-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

/// One vector of channels of a complex tensor [time, channel]; stored values are scaled.
template <class D>
struct ComplexRows {
  using T = hn::TFromD<D>;
  D d;
  T* data;
  int64_t pitch;  // in reals
  int64_t lanes;
  T scale;

  HWY_INLINE Complex<D> load(int64_t t) const {
    const T* row = data + t * pitch;
    Complex<D> z;
    if (lanes == static_cast<int64_t>(hn::Lanes(d))) {
      hn::LoadInterleaved2(d, row, z.re, z.im);
    } else {
      HWY_ALIGN T some[2 * HWY_MAX_BYTES / sizeof(T)] = {};
      std::memcpy(some, row, static_cast<size_t>(2 * lanes) * sizeof(T));
      hn::LoadInterleaved2(d, some, z.re, z.im);
    }
    return z;
  }
  HWY_INLINE void store(int64_t t, const Complex<D>& z) const {
    T* row = data + t * pitch;
    const auto s = hn::Set(d, scale);
    const auto re = hn::Mul(s, z.re), im = hn::Mul(s, z.im);
    if (lanes == static_cast<int64_t>(hn::Lanes(d))) {
      hn::StoreInterleaved2(re, im, d, row);
    } else {
      HWY_ALIGN T some[2 * HWY_MAX_BYTES / sizeof(T)];
      hn::StoreInterleaved2(re, im, d, some);
      std::memcpy(row, some, static_cast<size_t>(2 * lanes) * sizeof(T));
    }
  }
};

template <class D>
void transform(const FftPlan<hn::TFromD<D>>& plan, const ComplexRows<D>& from, FftDirection way,
               const Points<D>& x, const ComplexRows<D>& to) {
  if (way == FftDirection::forward) {
    fft_forward(plan, from, x);
    for (int64_t p = 0; p < plan.n; ++p)
      to.store(plan.frequency[static_cast<size_t>(p)], x.load(p));
  } else {
    for (int64_t p = 0; p < plan.n; ++p)
      x.store(p, from.load(plan.frequency[static_cast<size_t>(p)]));
    fft_inverse(plan, x, to);
  }
}

template <class T>
void transform_all(const Tensor& x, FftDirection way, Tensor& y) {
  using D = hn::ScalableTag<T>;
  const D d;
  const int64_t batch = x.size(0), n = x.size(1), channels = x.size(2);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), blocks = (channels + lanes - 1) / lanes;
  const FftPlan<T>& plan = fft_plan<T>(n);
  const auto rows = [&](const Tensor& t, int64_t b, int64_t c, T scale) {
    return ComplexRows<D>{d, static_cast<T*>(t.raw()) + 2 * (b * t.stride(0) + c), 2 * t.stride(1),
                          std::min(lanes, channels - c), scale};
  };
  parallel_chunks(batch * blocks, [&](int64_t task) {
    const int64_t b = task / blocks, c = task % blocks * lanes;
    const auto memory = allocate(2 * n * lanes * static_cast<int64_t>(sizeof(T)));
    const Points<D> points{d, reinterpret_cast<T*>(memory.get())};
    const T scale = way == FftDirection::inverse ? 1 / static_cast<T>(n) : T{1};
    transform(plan, rows(x, b, c, 1), way, points, rows(y, b, c, scale));
  });
}

void transform_any(const Tensor& x, FftDirection way, Tensor& y) {
  check_fft(x, y);
  if (x.numel() == 0) return;
  for_float("fft", real_of(x.dtype()),
            [&](auto tag) { transform_all<typename decltype(tag)::type>(x, way, y); });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(transform_any);

void fft_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(transform_any)(args...); }

const Implementation cpu{fft, DeviceKind::cpu, &fft_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
