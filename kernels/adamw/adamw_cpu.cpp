#include "kernels/adamw/adamw.h"

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adamw/adamw_cpu.cpp"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include "core/simd_loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void update(const AdamUpdate& u, int64_t size, const T* g, T* p, T* m, T* v) {
  const auto [scale, penalty, keep, rate1, rate2, beta2, epsilon, root, lr] = AdamFactors<T>(u);
  lw::simd::HWY_NAMESPACE::for_vectors<T>(size, [&](auto d, int64_t i) HWY_ATTR {
    const auto before = hn::LoadU(d, p + i), m0 = hn::LoadU(d, m + i), v0 = hn::LoadU(d, v + i);
    const auto dy =
        hn::MulAdd(hn::Set(d, penalty), before, hn::Mul(hn::Set(d, scale), hn::LoadU(d, g + i)));
    const auto m1 = hn::MulAdd(hn::Set(d, rate1), hn::Sub(dy, m0), m0);
    const auto v1 = hn::MulAdd(hn::Mul(hn::Set(d, rate2), dy), dy, hn::Mul(hn::Set(d, beta2), v0));
    const auto spread = hn::MulAdd(hn::Sqrt(v1), hn::Set(d, root), hn::Set(d, epsilon));
    const auto after =
        hn::NegMulAdd(hn::Set(d, lr), hn::Div(m1, spread), hn::Mul(hn::Set(d, keep), before));
    hn::StoreU(after, d, p + i);
    hn::StoreU(m1, d, m + i);
    hn::StoreU(v1, d, v + i);
  });
}

void update_all(const Tensor& g, const AdamUpdate& u, Tensor& p, Tensor& m, Tensor& v) {
  for_float("adamw", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dy = g.data<T>();
    T *x = p.data<T>(), *m1 = m.data<T>(), *m2 = v.data<T>();
    parallel_for(g.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
      update(u, end - begin, dy + begin, x + begin, m1 + begin, m2 + begin);
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

void adamw_cpu(const Tensor& g, const AdamUpdate& u, Tensor& p, Tensor& m, Tensor& v) {
  check_adamw(g, p, m, v);
  HWY_DYNAMIC_DISPATCH(update_all)(g, u, p, m, v);
}

const Implementation cpu{adamw, DeviceKind::cpu, &adamw_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
