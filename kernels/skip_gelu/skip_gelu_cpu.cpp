#include "kernels/skip_gelu/skip_gelu.h"

#include <algorithm>

#include "core/host_device.h"
#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/skip_gelu/skip_gelu_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "core/lanes-inl.h"
#include "core/simd_loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace simd = lw::simd::HWY_NAMESPACE;

#include "kernels/elementwise/unary_ops-inl.h"

/// Rows that cost as much as a task should.
int64_t rows_of_task(int64_t channels) { return 16384 / (channels + 1) + 1; }

template <class T>
void forward_of(const SkipGelu& in, Tensor& y) {
  const auto x = in.x.view<const T, 2>(), u = in.u.view<const T, 2>();
  const auto out = y.view<T, 2>();
  const int64_t rows = x.sizes[0], channels = x.sizes[1];
  const T* D = in.D.data<T>();
  parallel_for(rows, rows_of_task(channels), [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t row = begin; row < end; ++row) {
      const T *a = &x(row, 0), *b = &u(row, 0);
      T* to = &out(row, 0);
      simd::for_vectors<T>(channels, [&](auto d, int64_t c) HWY_ATTR {
        const auto v = fma(simd::load(d, D + c), simd::load(d, b + c), simd::load(d, a + c));
        simd::store(Gelu::value(v), d, to + c);
      });
    }
  });
}

template <class T>
void backward_of(const SkipGelu& in, const Tensor& dy_, SkipGeluGradients& out) {
  const auto x = in.x.view<const T, 2>(), u = in.u.view<const T, 2>(), dy = dy_.view<const T, 2>();
  const auto dx = out.x.view<T, 2>(), du = out.u.view<T, 2>();
  const int64_t rows = x.sizes[0], channels = x.sizes[1];
  const T* D = in.D.data<T>();
  const int64_t grain = std::max(rows_of_task(channels), (rows + 63) / 64);
  const int64_t chunks = (rows + grain - 1) / grain;
  const Tensor parts = Tensor::zeros({chunks, channels}, dtype_of<T>, host);
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) HWY_ATTR {
    T* sums = parts.data<T>() + begin / grain * channels;
    for (int64_t row = begin; row < end; ++row) {
      const T *a = &x(row, 0), *b = &u(row, 0), *g = &dy(row, 0);
      T *to_x = &dx(row, 0), *to_u = &du(row, 0);
      simd::for_vectors<T>(channels, [&](auto d, int64_t c) HWY_ATTR {
        const auto skip = simd::load(d, D + c), by = simd::load(d, b + c);
        const auto dv = simd::load(d, g + c) * Gelu::slope_at(fma(skip, by, simd::load(d, a + c)));
        simd::store(dv, d, to_x + c);
        simd::store(skip * dv, d, to_u + c);
        simd::store(fma(dv, by, simd::load(d, sums + c)), d, sums + c);
      });
    }
  });
  T* dD = out.D.data<T>();
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      sum += static_cast<double>(parts.data<T>()[chunk * channels + c]);
    dD[c] = static_cast<T>(sum);
  }
}

void forward(const SkipGelu& in, Tensor& y) {
  for_float("skip_gelu", in.x.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y); });
}

void backward(const SkipGelu& in, const Tensor& dy, SkipGeluGradients& out) {
  for_float("skip_gelu", in.x.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(in, dy, out); });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void forward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(forward)(args...); }
void backward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(backward)(args...); }

const Implementation cpu[] = {{skip_gelu_forward, DeviceKind::cpu, &forward_cpu},
                              {skip_gelu_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
