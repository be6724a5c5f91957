#include "kernels/sgd/sgd.h"

#include <cmath>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sgd/sgd_cpu.cpp"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include "core/simd_loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

/// `b` is null without momentum.
template <class T>
void update(const SgdUpdate& u, const double* factors, double gradient_scale, int64_t size,
            const T* g, T* p, T* b) {
  const T scale = static_cast<T>(gradient_scale), penalty = static_cast<T>(factors[0]);
  const T momentum = static_cast<T>(u.momentum), lr = static_cast<T>(factors[1]);

  lw::simd::HWY_NAMESPACE::for_vectors<T>(size, [&](auto d, int64_t i) HWY_ATTR {
    const auto before = hn::LoadU(d, p + i);
    const auto dy =
        hn::MulAdd(hn::Set(d, penalty), before, hn::Mul(hn::Set(d, scale), hn::LoadU(d, g + i)));
    auto direction = dy;
    if (b != nullptr) {
      const auto b1 = hn::MulAdd(hn::Set(d, momentum), hn::LoadU(d, b + i), dy);
      hn::StoreU(b1, d, b + i);
      direction = u.nesterov ? hn::MulAdd(hn::Set(d, momentum), b1, dy) : b1;
    }
    hn::StoreU(hn::NegMulAdd(hn::Set(d, lr), direction, before), d, p + i);
  });
}

void update_all(const Tensor& g, const SgdUpdate& u, const UpdateNumbers& numbers, Tensor& p,
                Tensor& b) {
  const double scale = *numbers.scale.data<double>();
  if (!std::isfinite(scale)) return;
  const double* factors = numbers.factors.data<double>();
  for_float("sgd", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dy = g.data<T>();
    T *x = p.data<T>(), *buffer = b.defined() ? b.data<T>() : nullptr;
    int64_t first = 0;
    for (int k = 0; k < numbers.groups.count; ++k, factors += sgd_factors) {
      const int64_t last = numbers.groups.ends[k];
      parallel_for(last - first, 1 << 15, [&](int64_t begin, int64_t end) {
        const int64_t at = first + begin;
        update(u, factors, scale, end - begin, dy + at, x + at,
               buffer != nullptr ? buffer + at : nullptr);
      });
      first = last;
    }
  });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(update_all);

void sgd_cpu(const Tensor& g, const SgdUpdate& u, const UpdateNumbers& numbers, Tensor& p,
             Tensor& b) {
  check_sgd(g, u, numbers, p, b);
  HWY_DYNAMIC_DISPATCH(update_all)(g, u, numbers, p, b);
}

const Implementation cpu{sgd, DeviceKind::cpu, &sgd_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
