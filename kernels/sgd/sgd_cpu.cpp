#include "kernels/sgd/sgd.h"

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
void update(const SgdUpdate& u, int64_t size, const T* g, T* p, T* b) {
  const T scale = static_cast<T>(u.gradient_scale), penalty = static_cast<T>(u.weight_decay);
  const T momentum = static_cast<T>(u.momentum), lr = static_cast<T>(u.lr);

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

void update_all(const Tensor& g, const SgdUpdate& u, Tensor& p, Tensor& b) {
  for_float("sgd", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dy = g.data<T>();
    T *x = p.data<T>(), *buffer = b.defined() ? b.data<T>() : nullptr;
    parallel_for(g.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
      update(u, end - begin, dy + begin, x + begin, buffer != nullptr ? buffer + begin : nullptr);
    });
  });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(update_all);

void sgd_cpu(const Tensor& g, const SgdUpdate& u, Tensor& p, Tensor& b) {
  check_sgd(g, u, p, b);
  HWY_DYNAMIC_DISPATCH(update_all)(g, u, p, b);
}

const Implementation cpu{sgd, DeviceKind::cpu, &sgd_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
