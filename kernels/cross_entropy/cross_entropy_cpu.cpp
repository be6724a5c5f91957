#include "kernels/cross_entropy/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cross_entropy/cross_entropy_cpu.cpp"
#include <hwy/foreach_target.h>

#include "core/lanes-inl.h"
#include "core/simd_loop-inl.h"
#include "core/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace simd = lw::simd::HWY_NAMESPACE;

int64_t rows_a_chunk(int64_t classes) { return 4096 / (classes + 1) + 1; }

template <class E>
using Computed = hn::TFromD<simd::ComputeTag<E>>;  // f32 for bf16

template <class E>
void forward_of(const CrossEntropy& in, Tensor& loss, Tensor& saved_) {
  using T = Computed<E>;
  const auto logits = in.logits.view<const E, 2>();
  const auto saved = saved_.view<T, 2>();
  const int64_t* targets = in.targets.data<int64_t>();
  const int64_t rows = logits.sizes[0], n = logits.sizes[1];
  const T s = static_cast<T>(in.label_smoothing);
  std::vector<double> losses(static_cast<size_t>(rows), 0.);
  parallel_for(rows, rows_a_chunk(n), [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t row = begin; row < end; ++row) {
      if (targets[row] == in.ignore_index) continue;
      const E* x = &logits(row, 0);
      const T peak =
          simd::maximum<T>(n, -std::numeric_limits<T>::infinity(),
                           [&](auto d, int64_t i) HWY_ATTR { return simd::load(d, x + i).v; });
      const auto below_peak = [&](auto d, int64_t i) HWY_ATTR {
        return hn::Sub(simd::load(d, x + i).v, hn::Set(d, peak));
      };
      const T sum = simd::sum<T>(
          n, [&](auto d, int64_t i) HWY_ATTR { return simd::exp(d, below_peak(d, i)); });
      T expected = static_cast<T>(x[targets[row]]) - peak;
      if (s != 0)
        expected = (1 - s) * expected + s * simd::sum<T>(n, below_peak) / static_cast<T>(n);
      losses[static_cast<size_t>(row)] = std::log(sum) - expected;
      saved(row, 0) = peak, saved(row, 1) = 1 / sum;
    }
  });
  double total = 0;
  for (const double l : losses) total += l;
  *loss.data<T>() = static_cast<T>(total / in.divisor);
}

template <class E>
void backward_of(const CrossEntropy& in, const Tensor& saved_, const Tensor& dy, Tensor& dlogits) {
  using T = Computed<E>;
  const auto logits = in.logits.view<const E, 2>();
  const auto saved = saved_.view<const T, 2>();
  const auto dx = dlogits.view<E, 2>();
  const int64_t* targets = in.targets.data<int64_t>();
  const int64_t n = logits.sizes[1];
  const T scale = static_cast<T>(*dy.data<T>() / in.divisor);
  const T s = static_cast<T>(in.label_smoothing), floor = s / static_cast<T>(n);
  parallel_for(logits.sizes[0], rows_a_chunk(n), [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t row = begin; row < end; ++row) {
      const E* x = &logits(row, 0);
      E* to = &dx(row, 0);
      if (targets[row] == in.ignore_index) {
        std::fill_n(to, n, E(0));
        continue;
      }
      const T peak = saved(row, 0), inverse_sum = saved(row, 1);
      const int64_t t = targets[row];
      const T x_t = static_cast<T>(x[t]);  // read before `to`, which may be x, is written
      simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
        const auto e = simd::exp(d, hn::Sub(simd::load(d, x + i).v, hn::Set(d, peak)));
        const auto rest = hn::MulSub(e, hn::Set(d, inverse_sum), hn::Set(d, floor));
        simd::store(simd::Lanes<decltype(d)>(hn::Mul(rest, hn::Set(d, scale))), d, to + i);
      });
      if constexpr (std::is_same_v<E, T>) {
        to[t] -= (1 - s) * scale;
      } else {  // rounded once
        const T p = std::exp(x_t - peak) * inverse_sum;
        to[t] = static_cast<E>((p - floor - (1 - s)) * scale);
      }
    }
  });
}

void forward(const CrossEntropy& in, Tensor& loss, Tensor& saved) {
  for_logits(in.logits.dtype(),
             [&](auto tag) { forward_of<typename decltype(tag)::type>(in, loss, saved); });
}
void backward(const CrossEntropy& in, const Tensor& saved, const Tensor& dy, Tensor& dlogits) {
  for_logits(in.logits.dtype(),
             [&](auto tag) { backward_of<typename decltype(tag)::type>(in, saved, dy, dlogits); });
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

const Implementation cpu[] = {{cross_entropy_forward, DeviceKind::cpu, &forward_cpu},
                              {cross_entropy_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
