#include "kernels/norm/norm.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "kernels/optional_view.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norm/norm_cpu.cpp"
#include <hwy/foreach_target.h>

#include "core/simd_loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace simd = lw::simd::HWY_NAMESPACE;

template <class T>
struct Statistics {
  T mean, rstd;
};

template <class T>
Statistics<T> statistics(const T* s, int64_t n, bool centred, T epsilon) {
  const auto mean_about = [&](T origin) HWY_ATTR {
    return simd::sum<T>(n,
                        [&](auto d, int64_t i)
                            HWY_ATTR { return hn::Sub(hn::LoadU(d, s + i), hn::Set(d, origin)); }) /
           static_cast<T>(n);
  };
  T mean = 0;
  if (centred) {
    mean = mean_about(0);
    mean += mean_about(mean);
  }
  const T squares = simd::sum<T>(n, [&](auto d, int64_t i) HWY_ATTR {
    const auto v = hn::Sub(hn::LoadU(d, s + i), hn::Set(d, mean));
    return hn::Mul(v, v);
  });
  return {mean, 1 / std::sqrt(squares / static_cast<T>(n) + epsilon)};
}

template <class T>
void forward_of(const Norm& in, Tensor& y, NormSaved& saved) {
  const auto x = in.x.view<const T, 2>(), residual = optional_view<const T, 2>(in.residual),
             weight = in.weight.view<const T, 2>(), bias = optional_view<const T, 2>(in.bias);
  const auto out = y.view<T, 2>(), sum = optional_view<T, 2>(saved.sum);
  const int64_t n = x.sizes[1], groups = weight.sizes[0];
  T* means = in.centred ? saved.mean.data<T>() : nullptr;
  T* rstds = saved.rstd.data<T>();
  parallel_for(x.sizes[0], 16384 / (n + 1) + 1, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t row = begin; row < end; ++row) {
      const T* s = &x(row, 0);
      if (residual.data) {
        const T *a = s, *b = &residual(row, 0);
        T* to = &sum(row, 0);
        simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
          hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, to + i);
        });
        s = to;
      }
      const auto [mean, rstd] = statistics(s, n, in.centred, static_cast<T>(in.epsilon));
      if (means) means[row] = mean;
      rstds[row] = rstd;
      const T* w = &weight(row % groups, 0);
      const T* b = bias.data ? &bias(row % groups, 0) : nullptr;
      T* to = &out(row, 0);
      simd::for_vectors<T>(n, [&, mean = mean, rstd = rstd](auto d, int64_t i) HWY_ATTR {
        const auto xhat = hn::Mul(hn::Sub(hn::LoadU(d, s + i), hn::Set(d, mean)), hn::Set(d, rstd));
        const auto scaled = hn::Mul(xhat, hn::LoadU(d, w + i));
        hn::StoreU(b ? hn::Add(scaled, hn::LoadU(d, b + i)) : scaled, d, to + i);
      });
    }
  });
}

template <class T>
void backward_of(const Norm& in, const NormSaved& saved, const Tensor& dy_, const Tensor& ds_,
                 NormGradient& gradient) {
  const auto x = in.x.view<const T, 2>(), weight = in.weight.view<const T, 2>(),
             dy = dy_.view<const T, 2>(), ds = optional_view<const T, 2>(ds_);
  const auto dx = gradient.dx.view<T, 2>();
  const int64_t rows = x.sizes[0], n = x.sizes[1], groups = weight.sizes[0], size = groups * n;
  const T* means = in.centred ? saved.mean.data<T>() : nullptr;
  const T* rstds = saved.rstd.data<T>();

  const int64_t grain = std::max<int64_t>(16384 / (n + 1) + 1, (rows + 63) / 64);
  const int64_t chunks = std::max<int64_t>(1, (rows + grain - 1) / grain);
  Tensor partial = Tensor::empty({chunks, 2, groups, n}, dtype_of<T>, host);  // dweight, dbias
  parallel_chunks(chunks, [&](int64_t chunk) HWY_ATTR {
    T* sums = partial.data<T>() + chunk * 2 * size;
    std::fill_n(sums, 2 * size, T(0));
    for (int64_t row = chunk * grain; row < std::min(rows, (chunk + 1) * grain); ++row) {
      const T *s = &x(row, 0), *g = &dy(row, 0), *w = &weight(row % groups, 0);
      const T* add = ds.data ? &ds(row, 0) : nullptr;
      const T mean = means ? means[row] : T(0), rstd = rstds[row];
      const auto xhat = [&](auto d, int64_t i) HWY_ATTR {
        return hn::Mul(hn::Sub(hn::LoadU(d, s + i), hn::Set(d, mean)), hn::Set(d, rstd));
      };
      const auto dxhat = [&](auto d, int64_t i)
                             HWY_ATTR { return hn::Mul(hn::LoadU(d, g + i), hn::LoadU(d, w + i)); };
      const T along = simd::sum<T>(n, [&](auto d, int64_t i)
                                          HWY_ATTR { return hn::Mul(dxhat(d, i), xhat(d, i)); }) /
                      static_cast<T>(n);
      const T shift = in.centred ? simd::sum<T>(n, dxhat) / static_cast<T>(n) : T(0);
      T *to = &dx(row, 0), *dw = sums + row % groups * n, *db = dw + size;
      simd::for_vectors<T>(n, [&](auto d, int64_t i) HWY_ATTR {
        const auto h = xhat(d, i), dout = hn::LoadU(d, g + i);
        const auto tangent =
            hn::Sub(hn::NegMulAdd(h, hn::Set(d, along), dxhat(d, i)), hn::Set(d, shift));
        const auto own = hn::Mul(tangent, hn::Set(d, rstd));
        hn::StoreU(hn::MulAdd(dout, h, hn::LoadU(d, dw + i)), d, dw + i);
        hn::StoreU(hn::Add(dout, hn::LoadU(d, db + i)), d, db + i);
        hn::StoreU(add ? hn::Add(own, hn::LoadU(d, add + i)) : own, d, to + i);
      });
    }
  });

  const auto gather = [&](Tensor& to, int64_t which) {
    if (!to.defined()) return;
    T* out = to.data<T>();
    std::fill_n(out, size, T(0));
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      for (int64_t i = 0; i < size; ++i)
        out[i] += partial.data<T>()[(chunk * 2 + which) * size + i];
  };
  gather(gradient.dweight, 0);
  gather(gradient.dbias, 1);
}

void forward(const Norm& in, Tensor& y, NormSaved& saved) {
  for_float("norm", in.x.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y, saved); });
}

void backward(const Norm& in, const NormSaved& saved, const Tensor& dy, const Tensor& ds,
              NormGradient& gradient) {
  for_float("norm", in.x.dtype(), [&](auto tag) {
    backward_of<typename decltype(tag)::type>(in, saved, dy, ds, gradient);
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

void forward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(forward)(args...); }
void backward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(backward)(args...); }

const Implementation cpu[] = {{norm_forward, DeviceKind::cpu, &forward_cpu},
                              {norm_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
