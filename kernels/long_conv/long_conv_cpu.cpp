#include "kernels/long_conv/long_conv.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/long_conv/documents.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/long_conv/long_conv_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/fft/fft-inl.h"
#include "kernels/partial_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

/// One vector of channels of real rows [time, channel], turned by the right angle: it loads
/// w^t x_t, zero from `length` on, and stores Re(w^-t z_t).
template <class D>
struct RightAngleRows {
  using T = hn::TFromD<D>;
  D d;
  T* data;
  int64_t pitch, lanes, length;
  const T* w;

  /// Rows lie too far apart for the hardware to guess the next one.
  HWY_INLINE void prefetch(int64_t t) const { hwy::Prefetch(data + (t + 4) * pitch); }

  HWY_INLINE Complex<D> load(int64_t t) const {
    if (t >= length) return {hn::Zero(d), hn::Zero(d)};
    prefetch(t);
    const auto x = load_lanes(d, data + t * pitch, lanes);
    return {hn::Mul(x, hn::Set(d, w[2 * t])), hn::Mul(x, hn::Set(d, w[2 * t + 1]))};
  }
  HWY_INLINE void store(int64_t t, const Complex<D>& z) const {
    if (t >= length) return;
    prefetch(t);
    const auto re = hn::Mul(z.re, hn::Set(d, w[2 * t]));
    store_lanes(d, hn::MulAdd(z.im, hn::Set(d, w[2 * t + 1]), re), data + t * pitch, lanes);
  }
};

/// x <- k x, or conj(k) x
template <class D>
struct Product {
  Points<D> k, x;
  bool conjugate;

  void operator()(int64_t first, int64_t count) const {
    if (conjugate) {
      for (int64_t i = first; i < first + count; ++i) x.store(i, conj_times(k.load(i), x.load(i)));
    } else {
      for (int64_t i = first; i < first + count; ++i) x.store(i, k.load(i) * x.load(i));
    }
  }
};

/// sum <- sum + conj(a) b
template <class D>
HWY_INLINE void add_correlation(const Points<D>& a, const Points<D>& b, const Points<D>& sum,
                                int64_t first, int64_t count) {
  for (int64_t i = first; i < first + count; ++i)
    sum.store(i, sum.load(i) + conj_times(a.load(i), b.load(i)));
}

/// What the gradient does with the spectrum dY: adds to that of dk, then turns it into that of du.
template <class D>
struct GradientProduct {
  Product<D> du;  // du.x is dY
  Points<D> u, sum;
  bool reverse;

  void operator()(int64_t first, int64_t count) const {
    reverse ? add_correlation(du.x, u, sum, first, count)
            : add_correlation(u, du.x, sum, first, count);
    du(first, count);
  }
};

/// One vector of channels: the buffers of a task, and the transforms in them.
template <class T>
class Strip {
 public:
  using D = hn::ScalableTag<T>;

  Strip(const LongConv& in, int64_t channel, const Part& part, int buffers)
      : in_(in),
        c_(channel),
        stride_(static_cast<int64_t>(hn::Lanes(d_))),
        lanes_(std::min(stride_, in.u.size(2) - channel)) {
    int64_t n = 0;
    for (const Bundle& bundle : part) n = std::max(n, bundle.n);
    size_ = n * stride_;
    memory_ = allocate((2 * buffers + 1) * size_ * static_cast<int64_t>(sizeof(T)));
  }

  /// Uses this length from now on, and computes the spectrum of the kernel for it.
  void begin(int64_t n) {
    plan_ = &fft_plan<T>(n);
    gather_kernel();
    fft_forward(*plan_, scratch_rows(taps()), points(0));
  }

  /// Complex buffer i; number 0 holds the spectrum of the kernel.
  Points<D> points(int i) const { return {d_, buffer() + (2 * i + 1) * size_}; }

  RightAngleRows<D> rows(const Tensor& t, const Document& document) const {
    return {d_,
            t.view<T, 3>().data + document.row * t.stride(0) + document.begin * t.stride(1) + c_,
            t.stride(1),
            lanes_,
            document.length,
            plan_->right_angle.data()};
  }

  void convolve(const Document& document, Tensor& y) const {
    const Points<D> x = points(1);
    fft_around(*plan_, rows(in_.u, document), x, Product<D>{points(0), x, in_.reverse},
               rows(y, document));
  }

  /// Adds to the spectrum of dk in buffer 3, and writes du unless it is undefined.
  void differentiate(const Document& document, const Tensor& dy, const Tensor& du) const {
    const Points<D> x = points(1), u = points(2);
    fft_forward(*plan_, rows(in_.u, document), u);
    const GradientProduct<D> product{{points(0), x, !in_.reverse}, u, points(3), in_.reverse};
    if (du) {
      fft_around(*plan_, rows(dy, document), x, product, rows(du, document));
    } else {
      fft_forward(*plan_, rows(dy, document), x);
      product(0, plan_->n);
    }
  }

  void clear_sum() const {
    std::memset(points(3).data, 0, static_cast<size_t>(2 * plan_->n * stride_) * sizeof(T));
  }

  /// dk += the correlation whose spectrum is the sum, for lags below `longest`.
  void add_sum_to(const View<T, 2>& dk, int64_t longest) const {
    const int64_t lags = std::min(taps(), longest);
    fft_inverse(*plan_, points(3), scratch_rows(lags));
    const T scale = 1 / static_cast<T>(plan_->n);
    for (int64_t lane = 0; lane < lanes_; ++lane)
      for (int64_t m = 0; m < lags; ++m) dk(c_ + lane, m) += scale * buffer()[m * stride_ + lane];
  }

 private:
  T* buffer() const { return reinterpret_cast<T*>(memory_.get()); }
  int64_t taps() const { return std::min(in_.k.size(1), plan_->n); }
  RightAngleRows<D> scratch_rows(int64_t length) const {
    return {d_, buffer(), stride_, stride_, length, plan_->right_angle.data()};
  }

  /// The kernels of these channels, in the lanes of rows; D joins tap 0, and the 1/n of the inverse
  /// transform is applied here.
  void gather_kernel() const {
    const auto k = in_.k.view<const T, 2>();
    const T scale = 1 / static_cast<T>(plan_->n);
    const int64_t count = taps();
    std::memset(buffer(), 0, static_cast<size_t>(count * stride_) * sizeof(T));
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      const T* row = &k(c_ + lane, 0);
      T* to = buffer() + lane;
      for (int64_t m = 0; m < count; ++m) to[m * stride_] = scale * row[m];
      if (in_.D) *to = scale * (row[0] + in_.D.data<T>()[c_ + lane]);
    }
  }

  const LongConv& in_;
  D d_;
  int64_t c_, stride_, lanes_;
  int64_t size_ = 0;  // of a real buffer
  std::shared_ptr<std::byte> memory_;
  const FftPlan<T>* plan_ = nullptr;
};

template <class T>
int64_t blocks_of(const LongConv& in) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  return (in.u.size(2) + lanes - 1) / lanes;
}

template <class T>
void forward_of(const LongConv& in, Tensor& y) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const std::vector<Part> parts = schedule(in, blocks_of<T>(in));
  const int64_t count = static_cast<int64_t>(parts.size());
  parallel_chunks(blocks_of<T>(in) * count, [&](int64_t task) {
    const Part& part = parts[static_cast<size_t>(task % count)];
    Strip<T> strip(in, task / count * lanes, part, 2);
    for (const Bundle& bundle : part) {
      strip.begin(bundle.n);
      for (const Document& document : bundle.documents) strip.convolve(document, y);
    }
  });
}

/// Adds the partial results [part, ...] of dk in order.
template <class T>
void sum_parts(const Tensor& partial, Tensor& dk) {
  const int64_t parts = partial.size(0), taps = partial.size(2);
  const auto from = partial.view<const T, 3>();
  const auto to = dk.view<T, 2>();
  parallel_for(dk.size(0), 16, [&](int64_t first, int64_t last) {
    for (int64_t c = first; c < last; ++c)
      for (int64_t p = 0; p < parts; ++p)
        for (int64_t m = 0; m < taps; ++m)
          to(c, m) = p == 0 ? from(p, c, m) : to(c, m) + from(p, c, m);
  });
}

template <class T>
void backward_of(const LongConv& in, const Tensor& dy, LongConvGradients& out) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const std::vector<Part> parts = schedule(in, blocks_of<T>(in));
  const int64_t count = static_cast<int64_t>(parts.size());
  Tensor partial;
  if (out.k) partial = Tensor::zeros(in.k.shape().inserted(0, count), in.k.dtype(), host);
  parallel_chunks(blocks_of<T>(in) * count, [&](int64_t task) {
    const Part& part = parts[static_cast<size_t>(task % count)];
    Strip<T> strip(in, task / count * lanes, part, 4);
    for (const Bundle& bundle : part) {
      strip.begin(bundle.n);
      strip.clear_sum();
      for (const Document& document : bundle.documents) strip.differentiate(document, dy, out.u);
      if (out.k) strip.add_sum_to(partial.select(0, task % count).view<T, 2>(), bundle.longest);
    }
  });
  if (out.k) sum_parts<T>(partial, out.k);
  if (out.D)
    for (int64_t c = 0; c < out.D.size(0); ++c) out.D.data<T>()[c] = out.k.view<T, 2>()(c, 0);
}

void forward(const LongConv& in, Tensor& y) {
  for_float("long_conv", in.u.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y); });
}

void backward(const LongConv& in, const Tensor& dy, LongConvGradients& out) {
  for_float("long_conv", in.u.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(in, dy, out); });
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

const Implementation cpu[] = {{long_conv_forward, DeviceKind::cpu, &forward_cpu},
                              {long_conv_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
