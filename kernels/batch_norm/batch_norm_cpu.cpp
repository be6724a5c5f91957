#include "kernels/batch_norm/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm/batch_norm_cpu.cpp"
#include <hwy/foreach_target.h>

#include "core/simd_loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace simd = lw::simd::HWY_NAMESPACE;

/// `count` sums over the rows for every channel: add(row, sums) adds a row to sums [count,
/// channels]. The result is [count, channels].
template <class T, class F>
std::vector<T> sum_rows(int64_t rows, int64_t channels, int64_t count, F&& add) {
  const int64_t grain = std::max<int64_t>(16384 / (channels + 1) + 1, (rows + 63) / 64);
  const int64_t chunks = (rows + grain - 1) / grain, size = count * channels;
  std::vector<T> partial(static_cast<size_t>(chunks * size), T(0));
  parallel_chunks(chunks, [&](int64_t chunk) {
    for (int64_t row = chunk * grain; row < std::min(rows, (chunk + 1) * grain); ++row)
      add(row, partial.data() + chunk * size);
  });
  std::vector<T> total(static_cast<size_t>(size), T(0));
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    for (int64_t i = 0; i < size; ++i)
      total[static_cast<size_t>(i)] += partial[static_cast<size_t>(chunk * size + i)];
  return total;
}

template <class T>
void statistics_of(const Tensor& x_, Tensor& mean_, Tensor& variance_) {
  const auto x = x_.view<const T, 2>();
  const int64_t rows = x.sizes[0], n = x.sizes[1];
  T *mean = mean_.data<T>(), *variance = variance_.data<T>();
  const auto sums = sum_rows<T>(rows, n, 1, [&](int64_t row, T* sum) HWY_ATTR {
    const T* in = &x(row, 0);
    simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(d, in + i), hn::LoadU(d, sum + i)), d, sum + i);
    });
  });
  for (int64_t c = 0; c < n; ++c) mean[c] = sums[static_cast<size_t>(c)] / static_cast<T>(rows);

  // What is left after the mean is subtracted has a mean, too, where rounding was coarse.
  const auto rest = sum_rows<T>(rows, n, 2, [&](int64_t row, T* sum) HWY_ATTR {
    const T* in = &x(row, 0);
    T* squares = sum + n;
    simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
      const auto v = hn::Sub(hn::LoadU(d, in + i), hn::LoadU(d, mean + i));
      hn::StoreU(hn::Add(v, hn::LoadU(d, sum + i)), d, sum + i);
      hn::StoreU(hn::MulAdd(v, v, hn::LoadU(d, squares + i)), d, squares + i);
    });
  });
  for (int64_t c = 0; c < n; ++c) {
    const T shift = rest[static_cast<size_t>(c)] / static_cast<T>(rows);
    mean[c] += shift;
    variance[c] =
        std::max(T(0), rest[static_cast<size_t>(n + c)] / static_cast<T>(rows) - shift * shift);
  }
}

template <class T>
std::vector<T> rstds(const BatchNorm& in) {
  std::vector<T> rstd(static_cast<size_t>(in.variance.numel()));
  for (size_t c = 0; c < rstd.size(); ++c)
    rstd[c] = 1 / std::sqrt(in.variance.data<T>()[c] + static_cast<T>(in.epsilon));
  return rstd;
}

template <class T>
void forward_of(const BatchNorm& in, Tensor& y) {
  const auto x = in.x.view<const T, 2>();
  const auto out = y.view<T, 2>();
  const int64_t n = x.sizes[1];
  std::vector<T> scale = rstds<T>(in);
  for (int64_t c = 0; c < n; ++c) scale[static_cast<size_t>(c)] *= in.weight.data<T>()[c];
  const T *mean = in.mean.data<T>(), *bias = in.bias.data<T>(), *by = scale.data();
  parallel_for(x.sizes[0], 16384 / (n + 1) + 1, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = &x(row, 0);
      T* to = &out(row, 0);
      simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
        const auto v = hn::Sub(hn::LoadU(d, from + i), hn::LoadU(d, mean + i));
        hn::StoreU(hn::MulAdd(v, hn::LoadU(d, by + i), hn::LoadU(d, bias + i)), d, to + i);
      });
    }
  });
}

template <class T>
void backward_of(const BatchNorm& in, const Tensor& dy_, bool through_statistics,
                 BatchNormGradient& gradient) {
  const auto x = in.x.view<const T, 2>(), dy = dy_.view<const T, 2>();
  const auto dx = gradient.dx.view<T, 2>();
  const int64_t rows = x.sizes[0], n = x.sizes[1];
  const std::vector<T> rstd_ = rstds<T>(in);
  const T *mean = in.mean.data<T>(), *rstd = rstd_.data(), *weight = in.weight.data<T>();
  const auto xhat = [&](auto d, const T* row, int64_t i) HWY_ATTR {
    return hn::Mul(hn::Sub(hn::LoadU(d, row + i), hn::LoadU(d, mean + i)), hn::LoadU(d, rstd + i));
  };

  const auto sums = sum_rows<T>(rows, n, 2, [&](int64_t row, T* dweight) HWY_ATTR {
    const T *from = &x(row, 0), *g = &dy(row, 0);
    T* dbias = dweight + n;
    simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
      const auto dout = hn::LoadU(d, g + i);
      hn::StoreU(hn::MulAdd(dout, xhat(d, from, i), hn::LoadU(d, dweight + i)), d, dweight + i);
      hn::StoreU(hn::Add(dout, hn::LoadU(d, dbias + i)), d, dbias + i);
    });
  });
  std::copy_n(sums.data(), n, gradient.dweight.data<T>());
  std::copy_n(sums.data() + n, n, gradient.dbias.data<T>());

  const T share = through_statistics && rows > 0 ? T(1) / static_cast<T>(rows) : T(0);
  const T *dweight = sums.data(), *dbias = dweight + n;
  parallel_for(rows, 16384 / (n + 1) + 1, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t row = begin; row < end; ++row) {
      const T *from = &x(row, 0), *g = &dy(row, 0);
      T* to = &dx(row, 0);
      simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
        const auto along =
            hn::MulAdd(xhat(d, from, i), hn::LoadU(d, dweight + i), hn::LoadU(d, dbias + i));
        const auto rest = hn::NegMulAdd(along, hn::Set(d, share), hn::LoadU(d, g + i));
        const auto scale = hn::Mul(hn::LoadU(d, weight + i), hn::LoadU(d, rstd + i));
        hn::StoreU(hn::Mul(rest, scale), d, to + i);
      });
    }
  });
}

void statistics(const Tensor& x, Tensor& mean, Tensor& variance) {
  for_float("batch_norm", x.dtype(),
            [&](auto tag) { statistics_of<typename decltype(tag)::type>(x, mean, variance); });
}
void forward(const BatchNorm& in, Tensor& y) {
  for_float("batch_norm", y.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y); });
}
void backward(const BatchNorm& in, const Tensor& dy, bool through_statistics,
              BatchNormGradient& gradient) {
  for_float("batch_norm", dy.dtype(), [&](auto tag) {
    backward_of<typename decltype(tag)::type>(in, dy, through_statistics, gradient);
  });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(statistics);
HWY_EXPORT(forward);
HWY_EXPORT(backward);

void statistics_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(statistics)(args...); }
void forward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(forward)(args...); }
void backward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(backward)(args...); }

void running_average_cpu(const Tensor& value, double scale, double momentum, Tensor& average) {
  for_float("running_average", average.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *from = value.data<T>(), keep = static_cast<T>(1 - momentum),
            take = static_cast<T>(momentum * scale);
    T* to = average.data<T>();
    for (int64_t c = 0; c < average.numel(); ++c) to[c] = keep * to[c] + take * from[c];
  });
}

const Implementation cpu[] = {{batch_statistics, DeviceKind::cpu, &statistics_cpu},
                              {running_average, DeviceKind::cpu, &running_average_cpu},
                              {batch_norm_forward, DeviceKind::cpu, &forward_cpu},
                              {batch_norm_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
