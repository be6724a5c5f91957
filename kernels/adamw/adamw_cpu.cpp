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
void update(const AdamScalars<T>& u, const double* factors, double gradient_scale, int64_t size,
            const T* g, T* p, T* m, T* v) {
  const auto [rate1, rate2, beta2, epsilon] = u;
  const T scale = static_cast<T>(gradient_scale), penalty = static_cast<T>(factors[0]);
  const T keep = static_cast<T>(factors[1]), root = static_cast<T>(factors[2]);
  const T lr = static_cast<T>(factors[3]);
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

void update_all(const Tensor& g, const AdamUpdate& u, const UpdateNumbers& numbers, Tensor& p,
                Tensor& m, Tensor& v) {
  const double scale = *numbers.scale.data<double>();
  if (!std::isfinite(scale)) return;
  const double* factors = numbers.factors.data<double>();
  for_float("adamw", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dy = g.data<T>();
    T *x = p.data<T>(), *m1 = m.data<T>(), *m2 = v.data<T>();
    int64_t first = 0;
    for (int k = 0; k < numbers.groups.count; ++k, factors += adam_factors) {
      const int64_t last = numbers.groups.ends[k];
      parallel_for(last - first, 1 << 15, [&](int64_t begin, int64_t end) {
        const int64_t at = first + begin;
        update(AdamScalars<T>(u), factors, scale, end - begin, dy + at, x + at, m1 + at, m2 + at);
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

void adamw_cpu(const Tensor& g, const AdamUpdate& u, const UpdateNumbers& numbers, Tensor& p,
               Tensor& m, Tensor& v) {
  check_adamw(g, numbers, p, m, v);
  HWY_DYNAMIC_DISPATCH(update_all)(g, u, numbers, p, m, v);
}

const Implementation cpu{adamw, DeviceKind::cpu, &adamw_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
