#include "kernels/dense_scan/dense_scan.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "kernels/segments.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense_scan/dense_scan_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "core/simd_loop-inl.h"
#include "kernels/dense_scan/dense_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace simd = lw::simd::HWY_NAMESPACE;

constexpr int together = 4;  // batch rows that go through time at once, where there are as many
constexpr int64_t chunk_steps = 64;

template <class T>
std::vector<T> zeros(int64_t count) {
  return std::vector<T>(static_cast<size_t>(count));
}

/// The matrices of a channel, their rows filled up with zeros to whole vectors.
template <class T>
struct Channel {
  const DenseScanTerms<T>& p;
  int64_t h, pitch = whole_vectors<T>(p.N), y_pitch = whole_vectors<T>(p.outputs);
  std::vector<T> A_transposed = zeros<T>(p.N * pitch), C_transposed = zeros<T>(p.N * y_pitch),
                 B = zeros<T>(pitch);
  std::vector<T> A, C;  // what the gradient needs beside

  Channel(const DenseScanTerms<T>& terms, int64_t channel, bool gradient) : p(terms), h(channel) {
    for (int64_t i = 0; i < p.N; ++i)
      for (int64_t j = 0; j < p.N; ++j)
        A_transposed[static_cast<size_t>(j * pitch + i)] = p.A(h, i, j);
    for (int64_t m = 0; m < p.outputs; ++m)
      for (int64_t n = 0; n < p.N; ++n)
        C_transposed[static_cast<size_t>(n * y_pitch + m)] = p.C(h, m, n);
    std::copy_n(&p.B(h, 0), p.N, B.begin());
    if (!gradient) return;
    A = zeros<T>(p.N * pitch), C = zeros<T>(p.outputs * pitch);
    for (int64_t i = 0; i < p.N; ++i) std::copy_n(&p.A(h, i, 0), p.N, A.data() + i * pitch);
    for (int64_t m = 0; m < p.outputs; ++m) std::copy_n(&p.C(h, m, 0), p.N, C.data() + m * pitch);
  }
};

/// The sums over batch and time of a channel's gradients.
template <class T>
struct Sums {
  std::vector<T> A, B, C;
  explicit Sums(const Channel<T>& c)
      : A(zeros<T>(c.p.N * c.pitch)), B(zeros<T>(c.pitch)), C(zeros<T>(c.p.outputs * c.pitch)) {}
};

/// y += a x, for whole vectors.
template <class T>
HWY_INLINE void add_scaled(int64_t pitch, T a, const T* x, T* y) {
  simd::for_vectors<T>(pitch, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, a), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

/// kRows batch rows of a channel, from `first` on. States of a step are [row, pitch].
template <class T, int kRows>
struct Strip {
  const Channel<T>& c;
  int64_t first;
  const DenseScanTerms<T>& p = c.p;
  int64_t pitch = c.pitch, step = kRows * pitch;
  std::vector<T> kept = zeros<T>(step);

  bool starts(int r, int64_t t) const { return starts_at(p.resets, first + r, t); }

  /// `x` [row, pitch] with zeros in place of the rows that a document starts in at step t.
  const T* but_for_starts(const T* x, int64_t t) {
    const auto any = [&] {
      for (int r = 0; r < kRows; ++r)
        if (starts(r, t)) return true;
      return false;
    };
    if (!any()) return x;
    for (int r = 0; r < kRows; ++r)
      if (starts(r, t))
        std::fill_n(kept.data() + r * pitch, pitch, T(0));
      else
        std::copy_n(x + r * pitch, pitch, kept.data() + r * pitch);
    return kept.data();
  }

  /// `after` <- the states after step t.
  void advance(int64_t t, const T* before, T* after) {
    std::fill_n(after, step, T(0));
    for (int r = 0; r < kRows; ++r)
      add_scaled(pitch, p.u(first + r, t, c.h), c.B.data(), after + r * pitch);
    add_product<kRows>(but_for_starts(before, t), pitch, c.A_transposed.data(), p.N, pitch, after);
  }

  void load_state(const View<const T, 3>& state, T* x) const {
    std::fill_n(x, step, T(0));
    for (int r = 0; state.data && r < kRows; ++r)
      std::copy_n(&state(first + r, c.h, 0), p.N, x + r * pitch);
  }
  void store_state(const T* x, const View<T, 3>& state) const {
    for (int r = 0; state.data && r < kRows; ++r)
      std::copy_n(x + r * pitch, p.N, &state(first + r, c.h, 0));
  }

  void forward(const View<T, 4>& y, const View<T, 3>& state) {
    std::vector<T> x = zeros<T>(step), next = zeros<T>(step), out = zeros<T>(kRows * c.y_pitch);
    load_state(p.state, x.data());
    for (int64_t t = 0; t < p.time; ++t) {
      advance(t, x.data(), next.data());
      x.swap(next);
      std::fill(out.begin(), out.end(), T(0));
      add_product<kRows>(x.data(), pitch, c.C_transposed.data(), p.N, c.y_pitch, out.data());
      for (int r = 0; r < kRows; ++r)
        std::copy_n(out.data() + r * c.y_pitch, p.outputs, &y(first + r, t, c.h, 0));
    }
    store_state(x.data(), state);
  }

  /// Adds to `sums`.
  void backward(const View<const T, 4>& dy, const View<const T, 3>& dfinal, const View<T, 3>& du,
                const View<T, 3>& dstate, Sums<T>& sums) {
    const int64_t chunks = std::max<int64_t>(1, (p.time + chunk_steps - 1) / chunk_steps);
    const int64_t most = std::min(p.time, chunk_steps);
    std::vector<T> begins = zeros<T>(chunks * step);  // states before each chunk
    load_state(p.state, begins.data());
    std::vector<T> x =
        zeros<T>((most + 1) * step);  // before each step of a chunk, and after the last
    for (int64_t chunk = 0; chunk + 1 < chunks; ++chunk) {
      recompute(chunk * chunk_steps, chunk_steps, begins.data() + chunk * step, x.data());
      std::copy_n(x.data() + chunk_steps * step, step, begins.data() + (chunk + 1) * step);
    }

    std::vector<T> carry = zeros<T>(step), g = zeros<T>(step);
    std::vector<T> gs = zeros<T>(most * step), dys = zeros<T>(most * kRows * p.outputs);
    load_state(dfinal, carry.data());
    for (int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
      const int64_t begin = chunk * chunk_steps, steps = std::min(chunk_steps, p.time - begin);
      recompute(begin, steps, begins.data() + chunk * step, x.data());
      for (int64_t s = steps - 1; s >= 0; --s) {
        const int64_t t = begin + s;
        T* d = dys.data() + s * kRows * p.outputs;
        for (int r = 0; r < kRows; ++r)
          std::copy_n(&dy(first + r, t, c.h, 0), p.outputs, d + r * p.outputs);
        g = carry;
        add_product<kRows>(d, p.outputs, c.C.data(), p.outputs, pitch, g.data());
        for (int r = 0; r < kRows; ++r) {
          const T* row = g.data() + r * pitch;
          add_scaled(pitch, p.u(first + r, t, c.h), row, sums.B.data());
          du(first + r, t, c.h) = simd::sum<T>(pitch, [&](auto tag, int64_t i) HWY_ATTR {
            return hn::Mul(hn::LoadU(tag, row + i), hn::LoadU(tag, c.B.data() + i));
          });
        }
        // What a document's first step gives goes to no state before it.
        const T* through = but_for_starts(g.data(), t);
        std::copy_n(through, step, gs.data() + s * step);
        std::fill(carry.begin(), carry.end(), T(0));
        add_product<kRows>(through, pitch, c.A.data(), p.N, pitch, carry.data());
      }
      add_outer(gs.data(), pitch, p.N, x.data(), steps * kRows, pitch, sums.A.data());
      add_outer(dys.data(), p.outputs, p.outputs, x.data() + step, steps * kRows, pitch,
                sums.C.data());
    }
    store_state(carry.data(), dstate);
  }

 private:
  /// x[s] <- the states before step begin + s, s <= steps.
  void recompute(int64_t begin, int64_t steps, const T* before, T* x) {
    std::copy_n(before, step, x);
    for (int64_t s = 0; s < steps; ++s) advance(begin + s, x + s * step, x + (s + 1) * step);
  }
};

/// Calls f(strip) for batch rows [begin, end) of a channel.
template <class T>
void for_strips(const Channel<T>& channel, int64_t begin, int64_t end, const auto& f) {
  for (; begin + together <= end; begin += together) f(Strip<T, together>{channel, begin});
  for (; begin < end; ++begin) f(Strip<T, 1>{channel, begin});
}

template <class T>
void forward_of(const DenseScan& in, Tensor& y_, Tensor& state_) {
  const DenseScanTerms<T> p(in);
  const auto y = y_.view<T, 4>();
  const auto state = state_.view<T, 3>();
  const int64_t strips = (p.batch + together - 1) / together;
  parallel_chunks(p.channels * strips, [&](int64_t task) {
    const int64_t begin = task % strips * together;
    const Channel<T> channel(p, task / strips, false);
    for_strips(channel, begin, std::min(begin + together, p.batch),
               [&](auto strip) { strip.forward(y, state); });
  });
}

template <class T>
void backward_of(const DenseScan& in, const Tensor& dy_, const Tensor& dfinal_,
                 DenseScanGradients& out) {
  const DenseScanTerms<T> p(in);
  const auto dy = dy_.view<const T, 4>();
  const auto dfinal = optional_view<const T, 3>(dfinal_);
  const auto du = out.u.view<T, 3>(), dA = out.A.view<T, 3>(), dC = out.C.view<T, 3>();
  const auto dB = out.B.view<T, 2>();
  const auto dstate = optional_view<T, 3>(out.state);
  parallel_chunks(p.channels, [&](int64_t h) {
    const Channel<T> channel(p, h, true);
    Sums<T> sums(channel);
    for_strips(channel, 0, p.batch,
               [&](auto strip) { strip.backward(dy, dfinal, du, dstate, sums); });
    const int64_t pitch = channel.pitch;
    for (int64_t i = 0; i < p.N; ++i) std::copy_n(sums.A.data() + i * pitch, p.N, &dA(h, i, 0));
    std::copy_n(sums.B.data(), p.N, &dB(h, 0));
    for (int64_t m = 0; m < p.outputs; ++m)
      std::copy_n(sums.C.data() + m * pitch, p.N, &dC(h, m, 0));
  });
}

void forward(const DenseScan& in, Tensor& y, Tensor& state) {
  for_float("dense_scan", in.u.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y, state); });
}

void backward(const DenseScan& in, const Tensor& dy, const Tensor& dstate,
              DenseScanGradients& out) {
  for_float("dense_scan", in.u.dtype(),
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

const Implementation cpu[] = {{dense_scan_forward, DeviceKind::cpu, &forward_cpu},
                              {dense_scan_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
