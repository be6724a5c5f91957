#include "kernels/clip/clip.h"

#include <numeric>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/clip/clip_cpu.cpp"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
auto load(D d, const double* x) {
  return hn::LoadU(d, x);
}
template <class D>
auto load(D d, const float* x) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), x));
}

template <class T>
double sum_of_squares(const T* x, int64_t size) {
  const hn::ScalableTag<double> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a, c = a, e = a;  // four sums hide the latency of the addition
  int64_t i = 0;
  for (; i + 4 * lanes <= size; i += 4 * lanes) {
    const auto x0 = load(d, x + i), x1 = load(d, x + i + lanes);
    const auto x2 = load(d, x + i + 2 * lanes), x3 = load(d, x + i + 3 * lanes);
    a = hn::MulAdd(x0, x0, a);
    b = hn::MulAdd(x1, x1, b);
    c = hn::MulAdd(x2, x2, c);
    e = hn::MulAdd(x3, x3, e);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
  for (; i < size; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

double sum_of_all_squares(const Tensor& x) {
  constexpr int64_t grain = 1 << 16;
  std::vector<double> parts(static_cast<size_t>((x.numel() + grain - 1) / grain));
  for_float("clip", x.dtype(), [&](auto tag) {
    const auto* data = x.data<typename decltype(tag)::type>();
    parallel_for(x.numel(), grain, [&](int64_t begin, int64_t end) {
      parts[static_cast<size_t>(begin / grain)] = sum_of_squares(data + begin, end - begin);
    });
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(sum_of_all_squares);

void clip_cpu(const Clip& in, Tensor& outcome) {
  check_clip(in, outcome);
  finish_clip(HWY_DYNAMIC_DISPATCH(sum_of_all_squares)(in.gradients), *in.mean.data<double>(),
              in.clip_norm, in.losses ? in.losses.data<double>() : nullptr,
              in.losses ? in.losses.numel() : 0, outcome.data<double>());
}

const Implementation cpu{clip, DeviceKind::cpu, &clip_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
