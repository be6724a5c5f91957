#include "kernels/causal_conv1d/causal_conv1d.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "kernels/causal_conv1d/sequence.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/causal_conv1d/causal_conv1d_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "core/simd_math-inl.h"
#include "kernels/causal_conv1d/window-inl.h"
#include "kernels/partial_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace math = lw::simd::HWY_NAMESPACE;

/// The arguments of a call, taps and bias laid out for vectors of channels.
template <class T>
struct Problem : ConvSequence<T> {
  using ConvSequence<T>::channels, ConvSequence<T>::width;
  std::vector<T> taps;  // [width, channel]
  std::vector<T> bias;  // [channel]

  explicit Problem(const CausalConv1d& in) : ConvSequence<T>(in) {
    const auto w = in.weight.view<const T, 2>();
    taps.resize(static_cast<size_t>(width * channels));
    int64_t c = 0;
    if (width == 4 && w.strides[0] == 4) c = transpose_taps(w.data);
    for (; c < channels; ++c)
      for (int64_t j = 0; j < width; ++j) taps[static_cast<size_t>(j * channels + c)] = w(c, j);
    bias.resize(static_cast<size_t>(channels));
    if (in.bias) std::memcpy(bias.data(), in.bias.data<T>(), bias.size() * sizeof(T));
  }

  /// Whole vectors of the taps of width 4; the number of channels done.
  int64_t transpose_taps(const T* w) {
    const hn::ScalableTag<T> d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    T* to = taps.data();
    int64_t c = 0;
    for (; c + lanes <= channels; c += lanes) {
      hn::Vec<decltype(d)> tap[4];
      hn::LoadInterleaved4(d, w + 4 * c, tap[0], tap[1], tap[2], tap[3]);
      for (int j = 0; j < 4; ++j) hn::StoreU(tap[j], d, to + j * channels + c);
    }
    return c;
  }
};

/// One vector of channels of one batch row, seen by one task.
template <class D, int kWidth>
struct Strip {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  using W = Window<D, kWidth>;

  D d;
  const Problem<T>& p;
  int64_t b, c, lanes;
  W taps;
  V bias;

  Strip(const Problem<T>& problem, int64_t row, int64_t channel)
      : p(problem),
        b(row),
        c(channel),
        lanes(std::min<int64_t>(hn::Lanes(d), p.channels - c)),
        taps(d, p.width),
        bias(load(p.bias.data())) {
    for (int64_t j = 0; j < taps.size(); ++j) taps.set(d, j, load(p.taps.data() + j * p.channels));
  }

  HWY_INLINE V load(const T* row) const { return load_lanes(d, row + c, lanes); }
  HWY_INLINE void store(V v, T* row) const { store_lanes(d, v, row + c, lanes); }

  /// The window before time t: its newest input is that of t-1.
  W window_before(int64_t t) const {
    W window(d, p.width);
    for (int64_t i = window.size() - 1, s = t - 1; i > 0; --i, --s) {
      const T* row = p.input(b, s);
      if (!row) break;
      window.set(d, i, load(row));
      if (p.starts(b, s)) break;
    }
    return window;
  }

  HWY_INLINE void step(W& window, int64_t t) const {
    if (p.starts(b, t)) window.clear(d);
    const T* row = &p.x(b, t, 0);
    hwy::Prefetch(row + c + lanes);
    window.push(d, load(row));
  }

  void forward(int64_t begin, int64_t end, const View<T, 3>& y) const {
    W window = window_before(begin);
    for (int64_t t = begin; t < end; ++t) {
      step(window, t);
      V out = inner_product(d, taps, window, bias);
      if (p.silu) out = hn::Mul(out, math::sigmoid(d, out));
      store(out, &y(b, t, 0));
    }
  }

  /// dL/dp_t
  HWY_INLINE V gradient_before_activation(V g, const W& window) const {
    if (!p.silu) return g;
    const V one = hn::Set(d, T{1});
    const V pre = inner_product(d, taps, window, bias);
    const V s = math::sigmoid(d, pre);
    return hn::Mul(g, hn::Mul(s, hn::MulAdd(pre, hn::Sub(one, s), one)));
  }

  /// `sums` is [width + 1, channel]: the gradients of the taps and of the bias that this task adds.
  void backward(int64_t begin, int64_t end, const View<const T, 3>& dy,
                const View<const T, 3>& dstate, int64_t first_kept, const View<T, 3>& dx,
                const View<T, 3>& dinitial, T* buffer, T* sums) const {
    const int64_t stride = static_cast<int64_t>(hn::Lanes(d));
    const int64_t halo = std::min(end + p.width - 1, p.time);
    const auto kept = [&](int64_t s, V de) HWY_ATTR {
      if (!dstate.data || s < first_kept) return de;
      return hn::Add(de, load(&dstate(b, s - (p.time - p.width + 1), 0)));
    };

    W window = window_before(begin), dtaps(d, p.width);
    V dbias = hn::Zero(d);
    for (int64_t t = begin; t < halo; ++t) {
      step(window, t);
      const V g = gradient_before_activation(load(&dy(b, t, 0)), window);
      hn::StoreU(g, d, buffer + (t - begin) * stride);
      if (t >= end) continue;
      dbias = hn::Add(dbias, g);
      for (int64_t j = 0; j < dtaps.size(); ++j)
        dtaps.set(d, j, hn::MulAdd(g, window.get(d, j), dtaps.get(d, j)));
    }
    for (int64_t j = 0; j < dtaps.size(); ++j) store(dtaps.get(d, j), sums + j * p.channels);
    store(dbias, sums + p.width * p.channels);

    window.clear(d);
    for (int64_t t = halo - 1; t >= begin; --t) {
      window.push(d, hn::LoadU(d, buffer + (t - begin) * stride));
      if (t < end) store(kept(t, inner_product(d, taps, window, hn::Zero(d))), &dx(b, t, 0));
      if (p.starts(b, t)) window.clear(d);
    }
    if (begin > 0 || !dinitial.data) return;
    for (int64_t s = -1; s > -p.width; --s) {
      window.push(d, hn::Zero(d));
      store(kept(s, inner_product(d, taps, window, hn::Zero(d))), &dinitial(b, s + p.width - 1, 0));
    }
  }
};

template <int kWidth, class T>
void forward_chunk(const Problem<T>& p, int64_t task, const View<T, 3>& y) {
  const hn::ScalableTag<T> d;
  const int64_t begin = task % p.chunks * conv_chunk, end = std::min(begin + conv_chunk, p.time);
  for (int64_t c = 0; c < p.channels; c += static_cast<int64_t>(hn::Lanes(d)))
    Strip<decltype(d), kWidth>(p, task / p.chunks, c).forward(begin, end, y);
}

template <int kWidth, class T>
void backward_chunk(const Problem<T>& p, int64_t task, const View<const T, 3>& dy,
                    const View<const T, 3>& dstate, const View<T, 3>& dx,
                    const View<T, 3>& dinitial, T* sums) {
  const hn::ScalableTag<T> d;
  const int64_t b = task / p.chunks, lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t begin = task % p.chunks * conv_chunk, end = std::min(begin + conv_chunk, p.time);
  const int64_t first_kept = p.first_kept(b);
  std::vector<T> buffer(static_cast<size_t>((conv_chunk + p.width - 1) * lanes));
  for (int64_t c = 0; c < p.channels; c += lanes)
    Strip<decltype(d), kWidth>(p, b, c).backward(begin, end, dy, dstate, first_kept, dx, dinitial,
                                                 buffer.data(), sums);
}

template <class T>
void write_state(const Problem<T>& p, const View<T, 3>& state) {
  const size_t bytes = static_cast<size_t>(p.channels) * sizeof(T);
  for (int64_t b = 0; b < p.batch; ++b) {
    const int64_t first = p.first_kept(b);
    for (int64_t i = 0; i < p.width - 1; ++i) {
      const int64_t s = p.time - p.width + 1 + i;
      const T* row = s >= first ? p.input(b, s) : nullptr;
      row ? std::memcpy(&state(b, i, 0), row, bytes) : std::memset(&state(b, i, 0), 0, bytes);
    }
  }
}

template <class T>
void forward_of(const CausalConv1d& in, Tensor& y, Tensor& state) {
  const Problem<T> p(in);
  const auto out = y.view<T, 3>();
  for_width(p.width, [&](auto width) {
    parallel_chunks(p.batch * p.chunks,
                    [&](int64_t task) { forward_chunk<width()>(p, task, out); });
  });
  write_state(p, state.view<T, 3>());
}

template <class T>
void backward_of(const CausalConv1d& in, const Tensor& dy, const Tensor& dstate,
                 CausalConv1dGradients& out) {
  const Problem<T> p(in);
  const auto g = dy.view<const T, 3>();
  const auto dfinal = optional_view<const T, 3>(dstate);
  const auto dx = out.x.view<T, 3>();
  const auto dinitial = optional_view<T, 3>(out.state);
  const int64_t tasks = p.batch * p.chunks, each = (p.width + 1) * p.channels;
  std::vector<T> sums(static_cast<size_t>(tasks * each));
  for_width(p.width, [&](auto width) {
    parallel_chunks(tasks, [&](int64_t task) {
      backward_chunk<width()>(p, task, g, dfinal, dx, dinitial, sums.data() + task * each);
    });
  });

  std::vector<double> total(static_cast<size_t>(each));
  parallel_for(each, 1024, [&](int64_t first, int64_t last) {
    for (int64_t task = 0; task < tasks; ++task)
      for (int64_t i = first; i < last; ++i)
        total[static_cast<size_t>(i)] += sums[static_cast<size_t>(task * each + i)];
  });
  const auto dweight = out.weight.view<T, 2>();
  for (int64_t c = 0; c < p.channels; ++c) {
    for (int64_t j = 0; j < p.width; ++j)
      dweight(c, j) = static_cast<T>(total[static_cast<size_t>(j * p.channels + c)]);
    if (out.bias)
      out.bias.data<T>()[c] = static_cast<T>(total[static_cast<size_t>(p.width * p.channels + c)]);
  }
}

void forward(const CausalConv1d& in, Tensor& y, Tensor& state) {
  for_float("causal_conv1d", in.x.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y, state); });
}

void backward(const CausalConv1d& in, const Tensor& dy, const Tensor& dstate,
              CausalConv1dGradients& out) {
  for_float("causal_conv1d", in.x.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(in, dy, dstate, out); });
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

const Implementation cpu[] = {{causal_conv1d_forward, DeviceKind::cpu, &forward_cpu},
                              {causal_conv1d_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
