// A few rows times a matrix, with the sums in registers: the product inside kernels that go on with its result.
//
//   #include "kernels/rows_product-inl.h"            after hwy/foreach_target.h

#if defined(LW_KERNELS_ROWS_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_ROWS_PRODUCT_INL_H_
#undef LW_KERNELS_ROWS_PRODUCT_INL_H_
#else
#define LW_KERNELS_ROWS_PRODUCT_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Numbers of a matrix: element (i, j) stands at data[i row + j column].
template <class T>
struct Strided {
  const T* data;
  int64_t row, column;

  T operator()(int64_t i, int64_t j) const { return data[i * row + j * column]; }
};

/// Vectors of a result row that add_rows_product keeps in registers.
inline constexpr int product_vectors = 4;

/// `columns` rounded up to whole vectors.
template <class D>
HWY_INLINE int64_t whole_vectors(D d, int64_t columns) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  return (columns + lanes - 1) / lanes * lanes;
}

/// kRows rows and kVectors vectors of out += A B, from column j on.
template <int kRows, int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void add_product_block(D d, const Strided<T>& A, int64_t i, const T* B, int64_t pitch,
                                  int64_t inner, T* out, int64_t out_pitch, int64_t j) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<D> sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v)
      sum[r][v] = hn::LoadU(d, out + (i + r) * out_pitch + j + v * lanes);
  const T* b = B + j;
  for (int64_t k = 0; k < inner; ++k, b += pitch) {
    hn::Vec<D> column[kVectors];
    for (int v = 0; v < kVectors; ++v) column[v] = hn::LoadU(d, b + v * lanes);
    for (int r = 0; r < kRows; ++r) {
      const auto a = hn::Set(d, A(i + r, k));
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(a, column[v], sum[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v)
      hn::StoreU(sum[r][v], d, out + (i + r) * out_pitch + j + v * lanes);
}

template <int kRows, class D, class T = hn::TFromD<D>>
HWY_INLINE void add_product_rows(D d, const Strided<T>& A, int64_t i, const T* B, int64_t pitch,
                                 int64_t inner, T* out, int64_t out_pitch, int64_t columns) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t j = 0;
  for (; j + product_vectors * lanes <= columns; j += product_vectors * lanes)
    add_product_block<kRows, product_vectors>(d, A, i, B, pitch, inner, out, out_pitch, j);
  for (; j < columns; j += lanes)
    add_product_block<kRows, 1>(d, A, i, B, pitch, inner, out, out_pitch, j);
}

/// out += A B for A [rows, inner], B [inner, columns] and out [rows, columns] whose rows stand `pitch` and `out_pitch`
/// apart; columns are whole vectors.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void add_rows_product(D d, const Strided<T>& A, int64_t rows, const T* B, int64_t pitch,
                                 int64_t inner, T* out, int64_t out_pitch, int64_t columns) {
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4)
    add_product_rows<4>(d, A, i, B, pitch, inner, out, out_pitch, columns);
  for (; i < rows; ++i) add_product_rows<1>(d, A, i, B, pitch, inner, out, out_pitch, columns);
}

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
