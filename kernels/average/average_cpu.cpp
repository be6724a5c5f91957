#include "kernels/average/average.h"

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/average/average_cpu.cpp"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include "core/simd_loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void average_range(const T* x, double weight, int64_t size, T* y) {
  const T w = static_cast<T>(weight);
  lw::simd::HWY_NAMESPACE::for_vectors<T>(size, [&](auto d, int64_t i) HWY_ATTR {
    const auto old = hn::LoadU(d, y + i);
    hn::StoreU(hn::MulAdd(hn::Set(d, w), hn::Sub(hn::LoadU(d, x + i), old), old), d, y + i);
  });
}

void average_f32(const float* x, double weight, int64_t size, float* y) {
  average_range(x, weight, size, y);
}
void average_f64(const double* x, double weight, int64_t size, double* y) {
  average_range(x, weight, size, y);
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(average_f32);
HWY_EXPORT(average_f64);

void average_cpu(const Tensor& x, double weight, Tensor& y) {
  check(x.numel() == y.numel() && x.is_contiguous() && y.is_contiguous(),
        "average: expected contiguous tensors of one size, received ", x, " and ", y);
  for_float("average", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_for(x.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
      if constexpr (std::is_same_v<T, float>) {
        HWY_DYNAMIC_DISPATCH(average_f32)(in + begin, weight, end - begin, out + begin);
      } else {
        HWY_DYNAMIC_DISPATCH(average_f64)(in + begin, weight, end - begin, out + begin);
      }
    });
  });
}

const Implementation cpu{average, DeviceKind::cpu, &average_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
