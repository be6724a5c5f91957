// Matrix-vector products on a CPU: one stream over the rows of the weights. See README.md.
#include "kernels/matvec/matvec.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/quantize/quantize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matvec/matvec_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> widened(D d, const int8_t* from) {
  const hn::Rebind<int8_t, D> d8;
  const hn::Rebind<int32_t, D> d32;
  return hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, from)));
}
template <class D, class W>
HWY_INLINE hn::Vec<D> widened(D d, const W* from) {
  return simd::HWY_NAMESPACE::load(d, from).v;
}

/// sums[r] = <w, x_r> for kRows rows of x: four chains of vectors a row, then the lanes, then what
/// is left of the row one by one.
template <int kRows, class T, class W>
HWY_INLINE void inner_products(const W* w, const T* x, int64_t pitch, int64_t n, T* sums) {
  constexpr int kChains = 4;
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V chains[kRows][kChains];
  for (int r = 0; r < kRows; ++r)
    for (int k = 0; k < kChains; ++k) chains[r][k] = hn::Zero(d);
  int64_t i = 0;
  const auto add = [&](int k) HWY_ATTR {
    const V weights = widened(d, w + i);
    for (int r = 0; r < kRows; ++r)
      chains[r][k] = hn::MulAdd(weights, hn::LoadU(d, x + r * pitch + i), chains[r][k]);
    i += lanes;
  };
  while (i + kChains * lanes <= n) {
    HWY_UNROLL(4)
    for (int k = 0; k < kChains; ++k) add(k);
  }
  while (i + lanes <= n) add(0);
  for (int r = 0; r < kRows; ++r) {
    const V all = hn::Add(hn::Add(chains[r][0], chains[r][1]), hn::Add(chains[r][2], chains[r][3]));
    auto sum = hn::Set(one, hn::GetLane(hn::SumOfLanes(d, all)));
    for (int64_t j = i; j < n; ++j)
      sum = hn::MulAdd(widened(one, w + j), hn::Set(one, x[r * pitch + j]), sum);
    sums[r] = hn::GetLane(sum);
  }
}

/// Calls f(std::integral_constant<int, rows>()) for 1 <= rows <= matvec_rows.
template <int kRows = 1, class F>
void for_rows(int64_t rows, F&& f) {
  if (rows == kRows) return f(std::integral_constant<int, kRows>());
  if constexpr (kRows < matvec_rows) for_rows<kRows + 1>(rows, std::forward<F>(f));
}

/// The factor of a row of weights: that of its int8 values, else 1.
template <class T, class W>
T factor_of(const W* row, int64_t pitch) {
  if constexpr (std::is_same_v<W, int8_t>) return row_factor(row, pitch);
  return T{1};
}

template <class T, class W>
void stream(const Tensor& x_, const Tensor& weight, const Tensor& bias_, Tensor& y_) {
  const auto x = x_.view<const T, 2>();
  const auto y = y_.view<T, 2>();
  const T* bias = bias_ ? bias_.data<T>() : nullptr;
  const auto* weights = static_cast<const W*>(weight.raw());
  const int64_t out = weight.size(0), in = weight.size(1), pitch = weight.stride(0);
  // Each thread takes about four pieces: more of them would leave less waiting for the last one, but
  // memory delivers slowly at the start of each. Rows are independent, so bits do not depend on this.
  const int64_t row_bytes = std::max<int64_t>(1, pitch * static_cast<int64_t>(sizeof(W)));
  const int64_t task_bytes = std::clamp<int64_t>(out * row_bytes / (4 * num_threads()),
                                                 int64_t{1} << 16, int64_t{1} << 20);
  const int64_t grain = std::max<int64_t>(1, task_bytes / row_bytes);
  for (int64_t first = 0; first < x.sizes[0]; first += matvec_rows) {
    for_rows(std::min(matvec_rows, x.sizes[0] - first), [&](auto rows) {
      parallel_for(out, grain, [&](int64_t begin, int64_t end) HWY_ATTR {
        for (int64_t j = begin; j < end; ++j) {
          const W* row = weights + j * pitch;
          T sums[rows()];
          inner_products<rows()>(row, &x(first, 0), x.strides[0], in, sums);
          const T factor = factor_of<T>(row, pitch), start = bias ? bias[j] : T{0};
          for (int r = 0; r < rows(); ++r) y(first + r, j) = factor * sums[r] + start;
        }
      });
    });
  }
}

void matvec_any(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  if (x.dtype() == DType::f64) return stream<double, double>(x, weight, bias, y);
  if (weight.dtype() == DType::bf16) return stream<float, bfloat16>(x, weight, bias, y);
  if (weight.dtype() == DType::u8) return stream<float, int8_t>(x, weight, bias, y);
  stream<float, float>(x, weight, bias, y);
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(matvec_any);

void matvec_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  check_matvec(x, weight, bias, y);
  if (y.numel() == 0) return;
  HWY_DYNAMIC_DISPATCH(matvec_any)(x, weight, bias, y);
}

const Implementation registered{matvec, DeviceKind::cpu, &matvec_cpu};

}  // namespace

void check_matvec(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
  const bool stored =
      x.dtype() == DType::f32 && (weight.dtype() == DType::bf16 || has_int8_rows(weight));
  const bool fits = x.rank() == 2 && weight.rank() == 2 && y.rank() == 2 &&
                    x.size(1) == weight.size(1) && y.size(0) == x.size(0) &&
                    y.size(1) == weight.size(0) &&
                    (!bias || (bias.shape() == Shape{weight.size(0)} && bias.dtype() == x.dtype()));
  check(fits && (x.dtype() == DType::f32 || x.dtype() == DType::f64) && y.dtype() == x.dtype() &&
            (stored || weight.dtype() == x.dtype()),
        "matvec: expected x [rows, in], weight [out, in], bias [out] and y [rows, out], in f32 or "
        "f64, the weight in that dtype, bf16 or int8 rows\n  received x ",
        x, ", weight ", weight, ", bias ", bias, ", y ", y);
}

}  // namespace lw::kernels
#endif  // HWY_ONCE
