#include "kernels/s4d_kernel/s4d_kernel.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "kernels/optional_view.h"
#include "kernels/s4d_kernel/element.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/s4d_kernel/s4d_kernel_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t block_columns = 32;  // two of the widest vectors
constexpr int64_t grain = 4;           // channels of a task

int64_t whole_blocks(int64_t columns) {
  return (columns + block_columns - 1) / block_columns * block_columns;
}

/// kRows rows of c = a b. Rows of a have `inner` elements, those of b and c `columns`, a multiple of
/// block_columns.
template <int kRows, class D, class T = hn::TFromD<D>>
HWY_INLINE void product_rows(D d, const T* a, const T* b, int64_t inner, int64_t columns, T* c) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t j = 0; j < columns; j += 2 * lanes) {
    hn::Vec<D> sum[kRows][2];
    for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = hn::Zero(d);
    for (int64_t k = 0; k < inner; ++k) {
      const auto left = hn::LoadU(d, b + k * columns + j);
      const auto right = hn::LoadU(d, b + k * columns + j + lanes);
      for (int r = 0; r < kRows; ++r) {
        const auto factor = hn::Set(d, a[r * inner + k]);
        sum[r][0] = hn::MulAdd(factor, left, sum[r][0]);
        sum[r][1] = hn::MulAdd(factor, right, sum[r][1]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      hn::StoreU(sum[r][0], d, c + r * columns + j);
      hn::StoreU(sum[r][1], d, c + r * columns + j + lanes);
    }
  }
}

/// c [rows, columns] = a [rows, inner] b [inner, columns]
template <class T>
void product(const T* a, const T* b, int64_t rows, int64_t inner, int64_t columns, T* c) {
  const hn::CappedTag<T, block_columns / 2> d;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4)
    product_rows<4>(d, a + r * inner, b, inner, columns, c + r * columns);
  for (; r < rows; ++r) product_rows<1>(d, a + r * inner, b, inner, columns, c + r * columns);
}

/// The powers 0 ... count-1 of N complex numbers, [count, N].
struct Powers {
  std::vector<double> re, im;

  void compute(const std::vector<complex128>& base, int64_t count) {
    const size_t N = base.size(), size = N * static_cast<size_t>(count);
    re.resize(size);
    im.resize(size);
    std::fill_n(re.begin(), std::min(N, size), 1.);
    std::fill_n(im.begin(), std::min(N, size), 0.);
    for (size_t i = N; i < size; ++i) {
      const double r = re[i - N], m = im[i - N];
      const complex128 z = base[i % N];
      re[i] = r * z.real() - m * z.imag();
      im[i] = r * z.imag() + m * z.real();
    }
  }
  complex128 operator[](size_t i) const { return {re[i], im[i]}; }
};

/// One channel: its poles and coefficients in double, and the powers of both levels.
template <class T>
class Channel {
 public:
  Channel(const S4dKernel& in, int64_t time)
      : dt_(in.dt.data<T>()),
        A_(in.A.view<const C, 2>()),
        B_(optional_view<const C, 2>(in.B)),
        C_(in.C.view<const C, 2>()),
        method_(in.method),
        scale_(in.conjugate_pairs ? 2 : 1),
        N_(A_.sizes[1]),
        time_(time),
        columns_(whole_blocks(static_cast<int64_t>(std::sqrt(static_cast<double>(time))))),
        rows_(columns_ ? (time + columns_ - 1) / columns_ : 0) {}

  /// K_0 ... K_{time-1} of channel h.
  void forward(int64_t h, T* K) {
    prepare(h);
    const size_t N = static_cast<size_t>(N_), M = static_cast<size_t>(columns_);
    left_.resize(static_cast<size_t>(rows_) * 2 * N);
    for (size_t m = 0; m < static_cast<size_t>(rows_); ++m)
      for (size_t n = 0; n < N; ++n) {
        const complex128 value = coefficient_[n] * high_[m * N + n];
        left_[m * 2 * N + n] = static_cast<T>(value.real());
        left_[m * 2 * N + N + n] = static_cast<T>(value.imag());
      }
    right_.resize(2 * N * M);
    for (size_t j = 0; j < M; ++j)
      for (size_t n = 0; n < N; ++n) {
        right_[n * M + j] = static_cast<T>(low_.re[j * N + n]);
        right_[(N + n) * M + j] = static_cast<T>(-low_.im[j * N + n]);
      }
    result_.resize(static_cast<size_t>(rows_) * M);
    product(left_.data(), right_.data(), rows_, 2 * N_, columns_, result_.data());
    std::copy_n(result_.begin(), time_, K);
  }

  void backward(int64_t h, const T* dK, S4dKernelGradients& out) {
    prepare(h);
    const size_t N = static_cast<size_t>(N_), M = static_cast<size_t>(columns_);
    const size_t width = static_cast<size_t>(whole_blocks(4 * N_));
    left_.assign(static_cast<size_t>(rows_) * M, 0);
    std::copy_n(dK, time_, left_.begin());
    right_.assign(M * width, 0);  // rows of Re p^j, Im p^j, Re j p^{j-1}, Im j p^{j-1}
    for (size_t j = 0; j < M; ++j)
      for (size_t n = 0; n < N; ++n) {
        T* row = right_.data() + j * width + n;
        row[0] = static_cast<T>(low_.re[j * N + n]);
        row[N] = static_cast<T>(low_.im[j * N + n]);
        if (j == 0) continue;
        row[2 * N] = static_cast<T>(static_cast<double>(j) * low_.re[(j - 1) * N + n]);
        row[3 * N] = static_cast<T>(static_cast<double>(j) * low_.im[(j - 1) * N + n]);
      }
    result_.resize(static_cast<size_t>(rows_) * width);
    product(left_.data(), right_.data(), rows_, columns_, static_cast<int64_t>(width),
            result_.data());

    double ddt = 0;
    for (size_t n = 0; n < N; ++n) {
      complex128 for_c = 0, for_p = 0;
      for (size_t m = 0; m < static_cast<size_t>(rows_); ++m) {
        const T* S = result_.data() + m * width + n;
        const complex128 value(S[0], S[N]), slope(S[2 * N], S[3 * N]), power = high_[m * N + n];
        for_c += power * value;
        for_p += power * slope;
        if (m > 0)
          for_p +=
              static_cast<double>(m * M) * high_[(m - 1) * N + n] * low_[(M - 1) * N + n] * value;
      }
      const auto d = element_[n].gradients(for_c, for_p);
      const auto column = static_cast<int64_t>(n);
      out.A.view<C, 2>()(h, column) = C(d.A);
      out.C.view<C, 2>()(h, column) = C(d.C);
      if (out.B) out.B.view<C, 2>()(h, column) = C(d.B);
      ddt += d.dt.real();
    }
    out.dt.data<T>()[h] = static_cast<T>(ddt);
  }

 private:
  using C = std::complex<T>;

  void prepare(int64_t h) {
    element_.clear();
    base_.clear();
    coefficient_.clear();
    for (int64_t n = 0; n < N_; ++n) {
      element_.push_back({method_, static_cast<double>(dt_[h]), complex128(A_(h, n)),
                          B_.data ? complex128(B_(h, n)) : 1., complex128(C_(h, n)), scale_});
      base_.push_back(element_.back().sampled.pole.p);
      coefficient_.push_back(element_.back().coefficient());
    }
    low_.compute(base_, columns_);
    if (columns_ > 0)
      for (size_t n = 0; n < base_.size(); ++n)
        base_[n] *= low_[static_cast<size_t>((columns_ - 1) * N_) + n];
    high_.compute(base_, rows_);
  }

  const T* dt_;
  View<const C, 2> A_, B_, C_;  // data of B is null where it is ones
  Discretization method_;
  double scale_;
  int64_t N_, time_;
  int64_t columns_, rows_;  // M and the number of multiples of M below time
  std::vector<S4dElement<complex128>> element_;
  std::vector<complex128> base_, coefficient_;
  Powers low_, high_;
  std::vector<T> left_, right_, result_;
};

void forward(const S4dKernel& in, Tensor& K) {
  for_float("s4d_kernel", K.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto out = K.view<T, 2>();
    parallel_for(out.sizes[0], grain, [&](int64_t begin, int64_t end) {
      Channel<T> channel(in, out.sizes[1]);
      for (int64_t h = begin; h < end; ++h) channel.forward(h, &out(h, 0));
    });
  });
}

void backward(const S4dKernel& in, const Tensor& dK, S4dKernelGradients& out) {
  for_float("s4d_kernel", dK.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto g = dK.view<const T, 2>();
    parallel_for(g.sizes[0], grain, [&](int64_t begin, int64_t end) {
      Channel<T> channel(in, g.sizes[1]);
      for (int64_t h = begin; h < end; ++h) channel.backward(h, &g(h, 0), out);
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

void forward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(forward)(args...); }
void backward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(backward)(args...); }

const Implementation cpu[] = {{s4d_kernel_forward, DeviceKind::cpu, &forward_cpu},
                              {s4d_kernel_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
