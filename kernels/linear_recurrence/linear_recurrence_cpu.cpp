#include "kernels/linear_recurrence/linear_recurrence.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "kernels/linear_recurrence/terms.h"
#include "kernels/segments.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear_recurrence/linear_recurrence_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/complex_vector-inl.h"
#include "kernels/partial_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

constexpr int together = 4;  // vectors of channels that a task steps at a time
constexpr int64_t chunk_steps = 64;
constexpr int64_t ahead = 16;  // steps; rows lie too far apart for the processor to guess the next

template <class T>
using Tag = hn::ScalableTag<T>;

/// A vector of real numbers with the arithmetic of complex_vector-inl.h.
template <class D>
struct Real {
  hn::Vec<D> re;
};
template <class D>
HWY_INLINE Real<D> add_product(const Real<D>& a, const Real<D>& b, const Real<D>& c) {
  return {hn::MulAdd(b.re, c.re, a.re)};
}
template <class D>
HWY_INLINE Real<D> add_conj_product(const Real<D>& a, const Real<D>& b, const Real<D>& c) {
  return add_product(a, b, c);
}

/// Up to `kCount` vectors of channels of one batch row.
template <class T, bool kComplex, int kCount>
struct Strip {
  using D = Tag<T>;
  using Z = std::conditional_t<kComplex, Complex<D>, Real<D>>;
  static constexpr D d{};

  const RecurrenceTerms<T>& p;
  int64_t row, first;  // the first channel

  HWY_INLINE int64_t at(int i) const { return first + i * static_cast<int64_t>(hn::Lanes(d)); }
  HWY_INLINE int64_t lanes(int i) const {
    return std::min<int64_t>(static_cast<int64_t>(hn::Lanes(d)), p.channels - at(i));
  }
  /// Vector i of a row of channels, and its place in one.
  HWY_INLINE Z load(const T* channels, int i) const {
    if constexpr (kComplex)
      return {load_lanes(d, channels + at(i), lanes(i)),
              load_lanes(d, channels + p.channels + at(i), lanes(i))};
    else
      return {load_lanes(d, channels + at(i), lanes(i))};
  }
  HWY_INLINE void store(const Z& z, T* channels, int i) const {
    store_lanes(d, z.re, channels + at(i), lanes(i));
    if constexpr (kComplex) store_lanes(d, z.im, channels + p.channels + at(i), lanes(i));
  }
  static HWY_INLINE Z zero() {
    if constexpr (kComplex)
      return zero_complex(d);
    else
      return {hn::Zero(d)};
  }
  /// Asks for what load() will read of a row.
  HWY_INLINE void prefetch(const T* channels) const {
    constexpr int64_t line = 64 / sizeof(T);
    for (int64_t c = first; c < at(kCount); c += line) {
      hwy::Prefetch(channels + c);
      if constexpr (kComplex) hwy::Prefetch(channels + p.channels + c);
    }
  }
  HWY_INLINE Z before_first(int i) const {
    return p.state.data ? load(&p.state(row, 0), i) : zero();
  }

  void forward(const View<T, 3>& out) const {
    Z h[kCount];
    for (int i = 0; i < kCount; ++i) h[i] = before_first(i);
    for (int64_t t = 0; t < p.time; ++t) {
      if (starts_at(p.resets, row, t))
        for (int i = 0; i < kCount; ++i) h[i] = zero();
      const T *x = &p.x(row, t, 0), *a = &p.a(row, t, 0);
      T* to = &out(row, t, 0);
      if (t + ahead < p.time) {
        prefetch(&p.x(row, t + ahead, 0));
        if (p.a.strides[1] != 0) prefetch(&p.a(row, t + ahead, 0));
        prefetch(&out(row, t + ahead, 0));
      }
      for (int i = 0; i < kCount; ++i) {
        h[i] = add_product(load(x, i), load(a, i), h[i]);
        store(h[i], to, i);
      }
    }
  }

  /// `sums` receives the gradient of an a of all steps, of this row; null where a varies.
  void backward(const View<const T, 3>& h, const View<const T, 3>& dh, const View<T, 3>& dx,
                const View<T, 3>& da, const View<T, 2>& dstate, double* sums) const {
    Z carry[kCount], sum[kCount];  // conj(a) g of the step after
    for (int i = 0; i < kCount; ++i) carry[i] = sum[i] = zero();
    for (int64_t t = p.time - 1; t >= 0; --t) {
      const bool starts = starts_at(p.resets, row, t);
      const T* a = &p.a(row, t, 0);
      if (t > ahead) {
        prefetch(&dh(row, t - ahead, 0));
        prefetch(&h(row, t - ahead - 1, 0));
        prefetch(&dx(row, t - ahead, 0));
        if (!sums) prefetch(&p.a(row, t - ahead, 0)), prefetch(&da(row, t - ahead, 0));
      }
      for (int i = 0; i < kCount; ++i) {
        const Z g = add(load(&dh(row, t, 0), i), carry[i]);
        store(g, &dx(row, t, 0), i);
        const Z before = starts ? zero() : t > 0 ? load(&h(row, t - 1, 0), i) : before_first(i);
        if (sums)
          sum[i] = add_conj_product(sum[i], before, g);
        else
          store(add_conj_product(zero(), before, g), &da(row, t, 0), i);
        carry[i] = starts ? zero() : add_conj_product(zero(), load(a, i), g);
      }
      if (sums && t % chunk_steps == 0)
        for (int i = 0; i < kCount; ++i) {
          add_to(sums, sum[i], i);
          sum[i] = zero();
        }
    }
    if (dstate.data)
      for (int i = 0; i < kCount; ++i) store(carry[i], &dstate(row, 0), i);
  }

 private:
  static HWY_INLINE Z add(const Z& a, const Z& b) {
    if constexpr (kComplex)
      return a + b;
    else
      return {hn::Add(a.re, b.re)};
  }
  void add_to(double* sums, const Z& z, int i) const {
    HWY_ALIGN T lane[HWY_MAX_BYTES / sizeof(T)];
    const auto add_lanes = [&](hn::Vec<D> v, double* to) {
      hn::Store(v, d, lane);
      for (int64_t k = 0; k < lanes(i); ++k) to[k] += static_cast<double>(lane[k]);
    };
    add_lanes(z.re, sums + at(i));
    if constexpr (kComplex) add_lanes(z.im, sums + p.channels + at(i));
  }
};

/// Calls f(strip) for all rows and channels, on all threads.
template <class T, bool kComplex>
void for_strips(const RecurrenceTerms<T>& p, const auto& f) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(Tag<T>()));
  const int64_t vectors = (p.channels + lanes - 1) / lanes;
  const int64_t groups = (vectors + together - 1) / together;
  parallel_chunks(p.batch * groups, [&](int64_t task) {
    const int64_t row = task / groups, begin = task % groups * together;
    if (begin + together <= vectors) return f(Strip<T, kComplex, together>{p, row, begin * lanes});
    for (int64_t v = begin; v < vectors; ++v) f(Strip<T, kComplex, 1>{p, row, v * lanes});
  });
}

template <class T, bool kComplex>
void forward_of(const LinearRecurrence& in, Tensor& h) {
  const auto out = h.view<T, 3>();
  for_strips<T, kComplex>(RecurrenceTerms<T>(in), [&](const auto& strip) { strip.forward(out); });
}

template <class T, bool kComplex>
void backward_of(const LinearRecurrence& in, const Tensor& h, const Tensor& dh,
                 LinearRecurrenceGradients& out) {
  const RecurrenceTerms<T> p(in);
  const int64_t width = in.x.size(2);
  std::vector<double> sums(in.varies() ? 0 : static_cast<size_t>(p.batch * width));
  const auto y = h.view<const T, 3>(), dy = dh.view<const T, 3>();
  const auto dx = out.x.view<T, 3>(), da = by_step<T>(out.a);
  const auto dstate = optional_view<T, 2>(out.state);
  for_strips<T, kComplex>(p, [&](const auto& strip) {
    strip.backward(y, dy, dx, da, dstate, in.varies() ? nullptr : sums.data() + strip.row * width);
  });
  if (in.varies()) return;
  for (int64_t c = 0; c < width; ++c) {
    double total = 0;
    for (int64_t b = 0; b < p.batch; ++b) total += sums[static_cast<size_t>(b * width + c)];
    da(0, 0, c) = static_cast<T>(total);
  }
}

void forward(const LinearRecurrence& in, Tensor& h) {
  for_float("linear_recurrence", in.x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    in.complex ? forward_of<T, true>(in, h) : forward_of<T, false>(in, h);
  });
}

void backward(const LinearRecurrence& in, const Tensor& h, const Tensor& dh,
              LinearRecurrenceGradients& out) {
  for_float("linear_recurrence", in.x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    in.complex ? backward_of<T, true>(in, h, dh, out) : backward_of<T, false>(in, h, dh, out);
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

const Implementation cpu[] = {{linear_recurrence_forward, DeviceKind::cpu, &forward_cpu},
                              {linear_recurrence_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
