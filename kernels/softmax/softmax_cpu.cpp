#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax/softmax_cpu.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "core/lanes-inl.h"
#include "core/parallel.h"
#include "kernels/softmax/softmax.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace math = lw::simd::HWY_NAMESPACE;

template <class T>
using L = math::Lanes<hn::ScalableTag<T>>;

/// f(i, load, store) for each vector of a row of `count` elements; the last may be a part, whose
/// missing lanes are loaded as `rest`.
template <class T, class F>
HWY_INLINE void for_vectors(int64_t begin, int64_t end, T rest, const F& f) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    f([&](const T* p) HWY_ATTR { return math::load(d, p + i); },
      [&](L<T> v, T* p) HWY_ATTR { math::store(v, d, p + i); });
  }
  if (i == end) return;
  f([&](const T* p) HWY_ATTR { return math::load_part(d, p + i, end - i, rest); },
    [&](L<T> v, T* p) HWY_ATTR { math::store_part(v, d, p + i, end - i); });
}

template <class T>
T row_max(const T* x, int64_t count) {
  constexpr T low = -std::numeric_limits<T>::infinity();
  const hn::ScalableTag<T> d;
  L<T> most(low);
  for_vectors<T>(0, count, low, [&](auto load, auto) HWY_ATTR {
    const L<T> v = load(x);
    most = select(v > most, v, most);
  });
  return hn::GetLane(hn::MaxOfLanes(d, most.v));
}

/// The sum of term(load, store) over a row, whose missing lanes are `rest`: there the term must be
/// 0.
template <class T, class F>
double row_sum(int64_t count, T rest, const F& term) {
  const hn::ScalableTag<T> d;
  const int64_t block = 64 * static_cast<int64_t>(hn::Lanes(d));  // a lane adds up 64 terms
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += block) {
    L<T> sum(0);
    for_vectors<T>(begin, std::min(count, begin + block), rest,
                   [&](auto load, auto store) HWY_ATTR { sum = sum + term(load, store); });
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum.v)));
  }
  return total;
}

template <class T>
void softmax_row(const T* x, T* y, int64_t count) {
  const L<T> most(row_max(x, count));
  const double sum =
      row_sum<T>(count, -std::numeric_limits<T>::infinity(), [&](auto load, auto store) HWY_ATTR {
        const L<T> e = exp(load(x) - most);
        store(e, y);
        return e;
      });
  const L<T> scale(1 / sum);
  for_vectors<T>(0, count, T{0},
                 [&](auto load, auto store) HWY_ATTR { store(load(y) * scale, y); });
}

template <class T>
void log_softmax_row(const T* x, T* y, int64_t count) {
  const L<T> most(row_max(x, count));
  const double sum = row_sum<T>(count, -std::numeric_limits<T>::infinity(),
                                [&](auto load, auto) HWY_ATTR { return exp(load(x) - most); });
  const L<T> log_sum(std::log(sum));
  for_vectors<T>(0, count, T{0},
                 [&](auto load, auto store) HWY_ATTR { store(load(x) - most - log_sum, y); });
}

template <class T>
void softmax_backward_row(const T* y, const T* dy, T* dx, int64_t count) {
  const L<T> dot(
      row_sum<T>(count, T{0}, [&](auto load, auto) HWY_ATTR { return load(y) * load(dy); }));
  for_vectors<T>(0, count, T{0},
                 [&](auto load, auto store) HWY_ATTR { store(load(y) * (load(dy) - dot), dx); });
}

template <class T>
void log_softmax_backward_row(const T* y, const T* dy, T* dx, int64_t count) {
  const L<T> sum(row_sum<T>(count, T{0}, [&](auto load, auto) HWY_ATTR { return load(dy); }));
  for_vectors<T>(0, count, T{0},
                 [&](auto load, auto store) HWY_ATTR { store(load(dy) - exp(load(y)) * sum, dx); });
}

int64_t grain_of(const Tensor& y) { return (1 << 14) / (y.size(-1) + 1) + 1; }

void forward(const Tensor& x, Tensor& y, bool logarithm) {
  for_float("softmax", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor in_rows = x.rows(), out_rows = y.rows();
    const auto in = in_rows.view<const T, 2>();
    const auto out = out_rows.view<T, 2>();
    const auto row = logarithm ? &log_softmax_row<T> : &softmax_row<T>;
    parallel_for(in.sizes[0], grain_of(y), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) row(&in(r, 0), &out(r, 0), in.sizes[1]);
    });
  });
}

void backward(const Tensor& y, const Tensor& dy, Tensor& dx, bool logarithm) {
  for_float("softmax", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor y_rows = y.rows(), dy_rows = dy.rows(), dx_rows = dx.rows();
    const auto value = y_rows.view<const T, 2>(), gradient = dy_rows.view<const T, 2>();
    const auto out = dx_rows.view<T, 2>();
    const auto row = logarithm ? &log_softmax_backward_row<T> : &softmax_backward_row<T>;
    parallel_for(out.sizes[0], grain_of(dx), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        row(&value(r, 0), &gradient(r, 0), &out(r, 0), out.sizes[1]);
    });
  });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

template <bool logarithm>
void forward_cpu(const Tensor& x, Tensor& y) {
  check_softmax(x, y);
  if (x.numel() > 0) HWY_DYNAMIC_DISPATCH(forward)(x, y, logarithm);
}

template <bool logarithm>
void backward_cpu(const Tensor& y, const Tensor& dy, Tensor& dx) {
  check_softmax_backward(y, dy, dx);
  if (y.numel() > 0) HWY_DYNAMIC_DISPATCH(backward)(y, dy, dx, logarithm);
}

const Implementation cpu[] = {{softmax, DeviceKind::cpu, &forward_cpu<false>},
                              {softmax_backward, DeviceKind::cpu, &backward_cpu<false>},
                              {log_softmax, DeviceKind::cpu, &forward_cpu<true>},
                              {log_softmax_backward, DeviceKind::cpu, &backward_cpu<true>}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
