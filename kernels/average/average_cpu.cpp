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

void average_all(const Tensor& x, const Tensor& weight_, Tensor& y) {
  const double weight = *weight_.data<double>();
  for_float("average", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_for(x.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
      average_range(in + begin, weight, end - begin, out + begin);
    });
  });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(average_all);

void average_cpu(const Tensor& x, const Tensor& weight, Tensor& y) {
  check_average(x, weight, y);
  HWY_DYNAMIC_DISPATCH(average_all)(x, weight, y);
}

const Implementation cpu{average, DeviceKind::cpu, &average_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
