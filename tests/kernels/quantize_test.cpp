#include "kernels/quantize/quantize.h"

#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/quantize.h"

namespace lw {
namespace {

using testing::error_of;

Tensor noise(const Shape& shape) { return Random(7).normal(shape); }

Tensor quantized(const Tensor& w) {
  Tensor q = kernels::empty_int8_rows(w.size(0), w.size(1));
  kernels::quantize_rows(w, q);
  return q;
}

Tensor widened(const Tensor& q) {
  Tensor w = Tensor::empty(q.shape());
  kernels::widen_rows(q, w);
  return w;
}

TEST(Quantize, EqualsTheReference) {
  for (const int64_t columns : {1, 31, 32, 33, 63, 1000})
    for (const int64_t rows : {1, 5}) {
      const Tensor wide = noise({rows, columns + 3}), w = wide.slice(1, 2, columns + 2);
      const Tensor stored = widened(quantized(w)), expected = reference::quantized(w);
      // A value halfway between two whole numbers may go either way.
      int64_t differ = 0;
      for (int64_t j = 0; j < rows; ++j)
        for (int64_t i = 0; i < columns; ++i)
          differ += std::abs(stored.at({j, i}) - expected.at({j, i})) > 1e-6;
      EXPECT_LE(differ, columns / 500);
    }
}

TEST(Quantize, NoElementMovesByMoreThanHalfAStep) {
  const Tensor w = noise({20, 700}), stored = widened(quantized(w));
  for (int64_t j = 0; j < 20; ++j) {
    double largest = 0, error = 0;
    for (int64_t i = 0; i < 700; ++i) {
      largest = std::max(largest, std::abs(w.at({j, i})));
      error = std::max(error, std::abs(w.at({j, i}) - stored.at({j, i})));
    }
    EXPECT_LE(error, largest / 254 * (1 + 1e-5));
    EXPECT_GT(error, largest / 300);  // one byte, not more
  }
}

TEST(Quantize, TheLargestElementAndZerosAreKept) {
  const Tensor w =
      Tensor::from<float>({3, 4}, std::vector<float>{0, 0, 0, 0, 2, -8, 1, 0, 3, 3, 3, 3});
  const Tensor stored = widened(quantized(w));
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(stored.at({0, i}), 0);
  EXPECT_FLOAT_EQ(static_cast<float>(stored.at({1, 1})), -8.F);
  EXPECT_EQ(stored.at({1, 3}), 0);
  EXPECT_FLOAT_EQ(static_cast<float>(stored.at({2, 0})), 3.F);
}

TEST(Quantize, WidensBf16Exactly) {
  const Tensor w = noise({5, 33}).to(DType::bf16);
  EXPECT_EQ(widened(w).to_vector(), w.to_vector());
}

TEST(Quantize, TakesAQuarterOfTheMemory) {
  const Tensor q = quantized(noise({10, 768}));
  EXPECT_TRUE(kernels::has_int8_rows(q));
  EXPECT_FALSE(kernels::has_int8_rows(Tensor::zeros({10, 768}, DType::u8)));
  EXPECT_EQ(q.stride(0), 768 + 4);
}

TEST(Quantize, IsTheSameOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads([] {
    return Tensors{widened(quantized(noise({300, 700})))};
  });
}

TEST(Quantize, RefusesWhatItCannotStore) {
  Tensor w = noise({2, 3});
  w.slice(1, 1, 2).fill(std::numeric_limits<float>::infinity());
  EXPECT_EQ(error_of([&] { quantized(w); }),
            "quantize_rows: the matrix f32 [2, 3] holds values that are not finite");
  Tensor q = kernels::empty_int8_rows(3, 2);
  EXPECT_EQ(error_of([&] {
              kernels::quantize_rows(noise({2, 3}), q);
            }),
            "quantize_rows: expected an f32 matrix and int8 rows of its shape, received f32 [2, 3] "
            "and u8 [3, 2]");
}

}  // namespace
}  // namespace lw
