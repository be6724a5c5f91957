#include "kernels/s4_kernel/s4_kernel.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "kernels/fft/fft.h"
#include "kernels/s4_kernel/s4_coefficients.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/s4_kernel/s4_kernel_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/s4_kernel/s4_block-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

/// The half-spectra of two real kernels as the spectrum of one complex signal, both ways.
class PairedSpectrum {
 public:
  using D = hn::ScalableTag<double>;
  static constexpr D d{};

  PairedSpectrum(const Problem& p, const Tensor& pairs, int64_t block)
      : data_(reinterpret_cast<double*>(pairs.raw()) + 2 * block * p.lanes),
        pitch_(2 * p.width),
        length_(p.length) {}

  /// Frequencies j and -j of K_1 + i K_2.
  HWY_INLINE void store(int64_t j, const Complex<D>& one, const Complex<D>& two) const {
    hn::StoreInterleaved2(hn::Sub(one.re, two.im), hn::Add(one.im, two.re), d, row(j));
    hn::StoreInterleaved2(hn::Add(one.re, two.im), hn::Sub(two.re, one.im), d, row(mirror(j)));
  }
  /// conj of frequency j of the real (second: of the imaginary) part, times 2 or, where j is its own
  /// mirror, 1, over the length: from the transform of dK to conj(dL/dKhat_j).
  HWY_INLINE Complex<D> gradient(int64_t j, bool second) const {
    hn::Vec<D> re, im, mirror_re, mirror_im;
    hn::LoadInterleaved2(d, row(j), re, im);
    hn::LoadInterleaved2(d, row(mirror(j)), mirror_re, mirror_im);
    const double weight = (mirror(j) == j ? 0.5 : 1.) / static_cast<double>(length_);
    const auto scale = hn::Set(d, weight);
    if (second)
      return {hn::Mul(scale, hn::Add(im, mirror_im)), hn::Mul(scale, hn::Sub(re, mirror_re))};
    return {hn::Mul(scale, hn::Add(re, mirror_re)), hn::Mul(scale, hn::Sub(mirror_im, im))};
  }

 private:
  int64_t mirror(int64_t j) const { return j == 0 ? 0 : length_ - j; }
  double* row(int64_t j) const { return data_ + j * pitch_; }

  double* data_;
  int64_t pitch_, length_;
};

/// Calls f(h, parts) for every channel: parts[2 * l * width] is element l of its signal.
template <class F>
void for_channels(const Problem& p, const Tensor& pairs, F&& f) {
  parallel_for(p.coefficients.channels, 8, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; ++h) {
      const bool second = h >= p.coefficients.pairs;
      f(h, reinterpret_cast<double*>(pairs.raw()) + 2 * (second ? h - p.coefficients.pairs : h) +
               second);
    }
  });
}

template <int R>
void forward_of(const S4Kernel& in, Tensor& K) {
  constexpr int group = R == 0 ? 4 : R == 1 ? 2 : 1;  // nodes whose sums fit the registers
  using D = hn::ScalableTag<double>;
  const Problem p(in);
  const int64_t half = p.coefficients.blocks / 2;
  const Tensor spectrum = p.pairs();
  Tensor signal = p.pairs();
  parallel_chunks(half * p.ranges, [&](int64_t task) HWY_ATTR {
    const int64_t block = task / p.ranges, begin = task % p.ranges * task_nodes;
    const int64_t end = std::min(begin + task_nodes, p.nodes);
    const Block<R> one(p, block), two(p, half + block);
    const PairedSpectrum out(p, spectrum, block);
    const auto run = [&](int64_t j, auto count) HWY_ATTR {
      Complex<D> K1[count()], K2[count()];
      one.transfer(j, K1);
      two.transfer(j, K2);
      for (int i = 0; i < count(); ++i) out.store(j + i, K1[i], K2[i]);
    };
    int64_t j = begin;
    for (; j + group <= end; j += group) run(j, std::integral_constant<int, group>());
    for (; j < end; ++j) run(j, std::integral_constant<int, 1>());
  });
  fft(spectrum, FftDirection::inverse, signal);
  const auto out = K.view<double, 2>();
  for_channels(p, signal, [&](int64_t h, const double* parts) {
    for (int64_t l = 0; l < out.sizes[1]; ++l) out(h, l) = parts[2 * l * p.width];
  });
}

template <int R>
void backward_of(const S4Kernel& in, const Tensor& dK, S4KernelGradients& out) {
  const Problem p(in);
  const auto& c = p.coefficients;
  Tensor signal = p.pairs();
  signal.fill(0);
  Tensor spectrum = p.pairs();
  const auto g = dK.view<const double, 2>();
  for_channels(p, signal, [&](int64_t h, double* parts) {
    for (int64_t l = 0; l < g.sizes[1]; ++l) parts[2 * l * p.width] = g(h, l);
  });
  fft(signal, FftDirection::forward, spectrum);

  const int64_t each = c.states * c.entries() * p.lanes;
  std::vector<double> entries(static_cast<size_t>(c.blocks * p.ranges * each));
  std::vector<double> dt(static_cast<size_t>(c.blocks * p.ranges * p.lanes));
  parallel_chunks(c.blocks * p.ranges, [&](int64_t task) HWY_ATTR {
    const int64_t block = task / p.ranges, begin = task % p.ranges * task_nodes;
    const bool second = block >= c.blocks / 2;
    const PairedSpectrum source(p, spectrum, second ? block - c.blocks / 2 : block);
    Block<R>(p, block).backward(
        begin, std::min(begin + task_nodes, p.nodes),
        [&](int64_t j) HWY_ATTR { return source.gradient(j, second); },
        entries.data() + task * each, dt.data() + task * p.lanes);
  });

  parallel_for(c.channels, 8, [&](int64_t begin, int64_t end) {
    std::vector<double> total(static_cast<size_t>(c.entries()));
    for (int64_t h = begin; h < end; ++h) {
      const int64_t first = c.block_of(h) * p.ranges, lane = c.lane_of(h);
      double ddt = 0;
      for (int64_t range = first; range < first + p.ranges; ++range)
        ddt += dt[static_cast<size_t>(range * p.lanes + lane)];
      out.dt.data<double>()[h] = ddt;
      for (int64_t n = 0; n < c.states; ++n) {
        std::fill(total.begin(), total.end(), 0.);
        for (int64_t range = first; range < first + p.ranges; ++range)
          for (int64_t i = 0; i < c.entries(); ++i)
            total[static_cast<size_t>(i)] +=
                entries[static_cast<size_t>(range * each + (n * c.entries() + i) * p.lanes + lane)];
        c.chain(h, n, total.data(), out);
      }
    }
  });
}

void forward(const S4Kernel& in, Tensor& K) {
  s4::check_dtype(K.dtype());
  Tensor wide = K.dtype() == DType::f64 ? K : Tensor::empty(K.shape(), DType::f64, host);
  s4::for_rank(in.P, [&](auto rank) { forward_of<rank()>(s4::in_double(in), wide); });
  if (!wide.shares_storage(K)) K.copy_from(wide);
}

void backward(const S4Kernel& in, const Tensor& dK, S4KernelGradients& out) {
  s4::with_double_gradients(out, [&](S4KernelGradients& d) {
    s4::for_rank(in.P,
                 [&](auto rank) { backward_of<rank()>(s4::in_double(in), dK.to(DType::f64), d); });
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

const Implementation cpu[] = {{s4_kernel_forward, DeviceKind::cpu, &forward_cpu},
                              {s4_kernel_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
