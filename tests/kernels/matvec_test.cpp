#include "kernels/matvec/matvec.h"

#include "core/random.h"
#include "kernels/quantize/quantize.h"
#include "tests/compare.h"
#include "tests/reference/matvec.h"

namespace lw {
namespace {

using testing::error_of;
using testing::expect_close;
using testing::same_bits;

Tensor noise(const Shape& shape, DType dtype, uint64_t stream) {
  return Random(7).fork(stream).normal(shape, 0, 1, DType::f64).to(dtype);
}

/// Columns that begin and end inside wider rows.
Tensor pitched(const Shape& shape, DType dtype, uint64_t stream) {
  return noise({shape[0], shape[1] + 5}, dtype, stream).slice(1, 3, shape[1] + 3);
}

Tensor product(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Tensor wide = Tensor::empty({x.size(0), weight.size(0) + 2}, x.dtype());
  Tensor y = wide.slice(1, 1, weight.size(0) + 1);
  kernels::matvec(x, weight, bias, y);
  return y;
}

TEST(Matvec, EqualsTheReference) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t in : {0, 1, 31, 32, 33, 63, 64, 100, 1000})
      for (const auto& [rows, out] :
           {std::pair<int64_t, int64_t>{1, 33}, {2, 1}, {3, 7}, {4, 20}, {9, 5}, {0, 3}, {2, 0}}) {
        const Tensor x = pitched({rows, in}, dtype, 1), w = pitched({out, in}, dtype, 2);
        for (const Tensor& b : {Tensor(), noise({out}, dtype, 3)})
          expect_close(product(x, w, b), reference::matvec(x, w, b),
                       dtype == DType::f32 ? 1e-4 : 1e-12);
      }
}

TEST(Matvec, TakesStoredWeightsAndDoesNotRoundTheInput) {
  for (const int64_t in : {1, 31, 33, 64, 1000}) {
    const Tensor x = noise({3, in}, DType::f32, 1), w = noise({17, in}, DType::f32, 2),
                 b = noise({17}, DType::f32, 3);
    const Tensor bf16 = w.to(DType::bf16);
    expect_close(product(x, bf16, b), reference::matvec(x, bf16, b), 1e-4);
    Tensor int8 = kernels::empty_int8_rows(17, in), wide = Tensor::empty(w.shape());
    kernels::quantize_rows(w, int8);
    kernels::widen_rows(int8, wide);
    expect_close(product(x, int8, b), reference::matvec(x, wide, b), 1e-4);
  }
}

TEST(Matvec, StorageMovesAResultByNoMoreThanTheFormatAllows) {
  const Tensor x = noise({4, 700}, DType::f32, 1), w = noise({30, 700}, DType::f32, 2);
  const Tensor bf16 = w.to(DType::bf16), exact = reference::matvec(x, w, {});
  Tensor int8 = kernels::empty_int8_rows(30, 700);
  kernels::quantize_rows(w, int8);
  const Tensor from_bf16 = product(x, bf16, {}).to(host), from_int8 = product(x, int8, {}).to(host);
  const Tensor xs = x.to(host), ws = w.to(host);
  for (int64_t r = 0; r < 4; ++r)
    for (int64_t j = 0; j < 30; ++j) {
      double largest = 0, of_x = 0, of_terms = 0;
      for (int64_t i = 0; i < 700; ++i) {
        largest = std::max(largest, std::abs(ws.at({j, i})));
        of_x += std::abs(xs.at({r, i}));
        of_terms += std::abs(ws.at({j, i}) * xs.at({r, i}));
      }
      EXPECT_LE(std::abs(from_int8.at({r, j}) - exact.at({r, j})), largest / 254 * of_x + 1e-4);
      EXPECT_LE(std::abs(from_bf16.at({r, j}) - exact.at({r, j})), of_terms / 512 + 1e-4);
    }
}

TEST(Matvec, ARowsBitsDependOnNothingElse) {
  const Tensor x = noise({7, 777}, DType::f32, 1), w = noise({500, 777}, DType::f32, 2);
  const Tensor all = product(x, w, {});
  for (int64_t r = 0; r < 7; ++r)
    EXPECT_TRUE(same_bits(product(x.slice(0, r, r + 1), w, {}), all.slice(0, r, r + 1)));
  testing::expect_same_on_any_threads([&] { return Tensors{product(x, w, {})}; });
}

TEST(Matvec, RefusesWhatDoesNotFit) {
  const Tensor x = noise({1, 4}, DType::f32, 1);
  EXPECT_EQ(error_of([&] {
              product(x, noise({3, 5}, DType::f32, 2), {});
            }),
            "matvec: expected x [rows, in], weight [out, in], bias [out] and y [rows, out], in f32 "
            "or f64, the weight in that dtype, bf16 or int8 rows\n  received x f32 [1, 4], weight "
            "f32 [3, 5], bias none, y f32 [1, 3]");
  EXPECT_THROW(product(x, noise({3, 4}, DType::f64, 2), {}), Error);
  EXPECT_THROW(product(x, Tensor::zeros({3, 4}, DType::u8), {}), Error);
}

}  // namespace
}  // namespace lw
