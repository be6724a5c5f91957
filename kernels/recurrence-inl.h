// What the scans of linear recurrences share: complex numbers in the lanes, tables of them for each
// element of the state, and the way between rows of tensors and lanes.
//
//   #include "kernels/recurrence-inl.h"              after hwy/foreach_target.h

#if defined(LW_KERNELS_RECURRENCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_RECURRENCE_INL_H_
#undef LW_KERNELS_RECURRENCE_INL_H_
#else
#define LW_KERNELS_RECURRENCE_INL_H_
#endif

#include <hwy/highway.h>

#include <vector>

#include "core/view.h"
#include "kernels/fft/fft-inl.h"
#include "kernels/lane_table.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

template <class D>
HWY_INLINE Complex<D> zero_complex(D d) {
  return {hn::Zero(d), hn::Zero(d)};
}
template <class D>
HWY_INLINE Complex<D> load_complex(D d, const hn::TFromD<D>* p) {
  return {hn::LoadU(d, p), hn::LoadU(d, p + hn::Lanes(d))};
}
template <class D>
HWY_INLINE void store_complex(D d, const Complex<D>& z, hn::TFromD<D>* p) {
  hn::StoreU(z.re, d, p);
  hn::StoreU(z.im, d, p + hn::Lanes(d));
}

/// a + b c
template <class D>
HWY_INLINE Complex<D> add_product(const Complex<D>& a, const Complex<D>& b, const Complex<D>& c) {
  return {hn::MulAdd(b.re, c.re, hn::NegMulAdd(b.im, c.im, a.re)),
          hn::MulAdd(b.re, c.im, hn::MulAdd(b.im, c.re, a.im))};
}
/// a + conj(b) c
template <class D>
HWY_INLINE Complex<D> add_conj_product(const Complex<D>& a, const Complex<D>& b,
                                       const Complex<D>& c) {
  return {hn::MulAdd(b.re, c.re, hn::MulAdd(b.im, c.im, a.re)),
          hn::MulAdd(b.re, c.im, hn::NegMulAdd(b.im, c.re, a.im))};
}
/// s + Re(conj(b) c)
template <class D>
HWY_INLINE hn::Vec<D> add_real_product(hn::Vec<D> s, const Complex<D>& b, const Complex<D>& c) {
  return hn::MulAdd(b.re, c.re, hn::MulAdd(b.im, c.im, s));
}

/// One batch row of one vector of channels: `count` of them, from `first` on.
template <class T>
struct Place {
  static constexpr hn::ScalableTag<T> d{};
  int64_t row, first, count, lanes;

  Place(int64_t batch_row, int64_t block, int64_t channels)
      : row(batch_row), lanes(static_cast<int64_t>(hn::Lanes(d))) {
    first = block * lanes;
    count = channels - first < lanes ? channels - first : lanes;
  }

  /// rows[t - begin] = source[row, t, channels], zeros in the lanes beyond
  void read(const View<const T, 3>& source, int64_t begin, int64_t end, T* rows) const {
    for (int64_t t = begin; t < end; ++t)
      hn::StoreU(load_lanes(d, &source(row, t, first), count), d, rows + (t - begin) * lanes);
  }
  void write(const T* rows, int64_t begin, int64_t end, const View<T, 3>& out) const {
    for (int64_t t = begin; t < end; ++t)
      store_lanes(d, hn::LoadU(d, rows + (t - begin) * lanes), &out(row, t, first), count);
  }
  /// States [batch, channel, state] into entry 0 of block 0 of a table, and back.
  void gather(const View<const std::complex<T>, 3>& source, LaneTable<T>& table) const {
    for (int64_t lane = 0; lane < count; ++lane)
      for (int64_t n = 0; n < source.sizes[2]; ++n)
        table.set(0, n, 0, lane, source(row, first + lane, n));
  }
  void scatter(const LaneTable<T>& table, const View<std::complex<T>, 3>& out) const {
    for (int64_t lane = 0; lane < count; ++lane)
      for (int64_t n = 0; n < out.sizes[2]; ++n)
        out(row, first + lane, n) = table.get(0, n, 0, lane);
  }
};

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
