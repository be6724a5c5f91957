// Products of small matrices for a recurrence that waits for each of them: a few rows times a matrix, and what many
// rows add to a matrix. Rows of `pitch` numbers are whole vectors.
//
//   #include "kernels/dense_scan/dense_product-inl.h"          after hwy/foreach_target.h

#if defined(LW_KERNELS_DENSE_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_DENSE_PRODUCT_INL_H_
#undef LW_KERNELS_DENSE_PRODUCT_INL_H_
#else
#define LW_KERNELS_DENSE_PRODUCT_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE int64_t lanes_of() {
  return static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
}

/// n rounded up to whole vectors of T.
template <class T>
HWY_INLINE int64_t whole_vectors(int64_t n) {
  return (n + lanes_of<T>() - 1) / lanes_of<T>() * lanes_of<T>();
}

/// kVectors vectors, from element j on, of add_product() below. Two chains of additions: even k and odd k.
template <int kRows, int kVectors, class T>
HWY_INLINE void add_product_part(const T* x, int64_t x_pitch, const T* M, int64_t count,
                                 int64_t pitch, int64_t j, T* y) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = lanes_of<T>();
  hn::Vec<decltype(d)> even[kRows][kVectors], odd[kRows][kVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) {
      even[r][v] = hn::LoadU(d, y + r * pitch + j + v * lanes);
      odd[r][v] = hn::Zero(d);
    }
  const auto add = [&](int64_t k, auto& chain) HWY_ATTR {
    for (int v = 0; v < kVectors; ++v) {
      const auto m = hn::LoadU(d, M + k * pitch + j + v * lanes);
      for (int r = 0; r < kRows; ++r)
        chain[r][v] = hn::MulAdd(hn::Set(d, x[r * x_pitch + k]), m, chain[r][v]);
    }
  };
  int64_t k = 0;
  for (; k + 2 <= count; k += 2) {
    add(k, even);
    add(k + 1, odd);
  }
  if (k < count) add(k, even);
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v)
      hn::StoreU(hn::Add(even[r][v], odd[r][v]), d, y + r * pitch + j + v * lanes);
}

/// y[r, :] += sum over k < count of x[r, k] M[k, :], for kRows rows r. The bits of a row do not depend on kRows.
template <int kRows, class T>
HWY_INLINE void add_product(const T* x, int64_t x_pitch, const T* M, int64_t count, int64_t pitch,
                            T* y) {
  constexpr int vectors = 4 / kRows;
  const int64_t lanes = lanes_of<T>();
  int64_t j = 0;
  for (; j + vectors * lanes <= pitch; j += vectors * lanes)
    add_product_part<kRows, vectors>(x, x_pitch, M, count, pitch, j, y);
  for (; j < pitch; j += lanes) add_product_part<kRows, 1>(x, x_pitch, M, count, pitch, j, y);
}

/// sum[i, :] += sum over r < rows of p[r, i] q[r, :], for kRows rows i.
template <int kRows, class T>
HWY_INLINE void add_outer_part(const T* p, int64_t p_pitch, const T* q, int64_t rows, int64_t pitch,
                               T* sum) {
  const hn::ScalableTag<T> d;
  for (int64_t j = 0; j < pitch; j += lanes_of<T>()) {
    hn::Vec<decltype(d)> total[kRows];
    for (int i = 0; i < kRows; ++i) total[i] = hn::LoadU(d, sum + i * pitch + j);
    for (int64_t r = 0; r < rows; ++r) {
      const auto row = hn::LoadU(d, q + r * pitch + j);
      for (int i = 0; i < kRows; ++i)
        total[i] = hn::MulAdd(hn::Set(d, p[r * p_pitch + i]), row, total[i]);
    }
    for (int i = 0; i < kRows; ++i) hn::StoreU(total[i], d, sum + i * pitch + j);
  }
}

/// sum[i, :] += sum over r < rows of p[r, i] q[r, :], for i < count.
template <class T>
HWY_INLINE void add_outer(const T* p, int64_t p_pitch, int64_t count, const T* q, int64_t rows,
                          int64_t pitch, T* sum) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) add_outer_part<8>(p + i, p_pitch, q, rows, pitch, sum + i * pitch);
  for (; i < count; ++i) add_outer_part<1>(p + i, p_pitch, q, rows, pitch, sum + i * pitch);
}

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
