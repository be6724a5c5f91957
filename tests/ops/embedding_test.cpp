#include "autograd/ops/embedding.h"

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/random.h"
#include "kernels/quantize/quantize.h"
#include "tests/compare.h"
#include "tests/reference/embedding.h"

namespace lw {
namespace {

using testing::error_of;
using testing::expect_close;

Tensor noise(const Shape& shape, DType dtype = DType::f64) {
  return Random(7).normal(shape, 0, 1, DType::f64).to(dtype);
}

std::vector<int64_t> tokens(int64_t n, int64_t vocabulary) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < n; ++i)
    result.push_back(Random(3).integer_at(static_cast<uint64_t>(i), vocabulary));
  return result;
}

TEST(Embedding, CopiesRows) {
  const Tensor table = noise({5, 9}).slice(1, 2, 5);
  const Tensor y = embedding(table, Tensor::from({2, 2}, std::vector<int64_t>{4, 0, 4, 2})).value();
  ASSERT_EQ(y.shape(), Shape({2, 2, 3}));
  for (int64_t j = 0; j < 3; ++j) {
    EXPECT_EQ(y.at({0, 0, j}), table.at({4, j}));
    EXPECT_EQ(y.at({1, 1, j}), table.at({2, j}));
  }
}

TEST(Embedding, GradientAddsUpWhatEachTokenReceives) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [n, vocabulary, d] :
         {std::array<int64_t, 3>{0, 3, 4}, {1, 1, 1}, {1000, 7, 33}, {63, 300, 31}}) {
      const auto ids = tokens(n, vocabulary);
      const Variable table(noise({vocabulary, d}, dtype), true);
      const Tensor dy = noise({n, d + 3}, dtype).slice(1, 1, d + 1);
      embedding(table, Tensor::from({n}, ids)).backward(dy);
      expect_close(table.grad(), reference::embedding_gradient(dy, ids, vocabulary),
                   dtype == DType::f32 ? 1e-4 : 1e-12);
    }
}

TEST(Embedding, GradientAgreesWithDifferences) {
  const Tensor ids = Tensor::from({2, 3}, std::vector<int64_t>{4, 0, 4, 2, 2, 4});
  check_gradients(
      [&](const Variables& v) {
        return split(embedding(v[0], ids), {1, 3})[1];
      },
      {noise({5, 4})});
}

TEST(Embedding, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads([] {
    const Variable table(noise({200, 65}, DType::f32), true);
    const Variable y = embedding(table, Tensor::from({3, 900}, tokens(2700, 200)));
    y.backward(noise(y.shape(), DType::f32));
    return Tensors{y.value(), table.grad()};
  });
}

TEST(Embedding, RefusesIdsThatAreNotInTheTable) {
  const Tensor table = Tensor::zeros({5, 3});
  EXPECT_EQ(error_of([&] {
              embedding(table, Tensor::from({2, 2}, std::vector<int64_t>{4, 0, 5, 2}));
            }),
            "embedding: `ids` is 5 at [1, 0], expected 0 <= index < 5");
  EXPECT_EQ(error_of([&] { embedding(table, Tensor::from({1}, std::vector<int64_t>{-1})); }),
            "embedding: `ids` is -1 at [0], expected 0 <= index < 5");
  EXPECT_EQ(error_of([&] { embedding(table, Tensor::zeros({2}, DType::i32)); }),
            "embedding: `ids` is i32 [2], expected i64");
}

TEST(Embedding, InferenceTakesStoredTables) {
  const NoGrad no_grad;
  const Tensor table = noise({11, 33}, DType::f32), bf16 = table.to(DType::bf16);
  Tensor int8 = kernels::empty_int8_rows(11, 33), wide = Tensor::empty(table.shape());
  kernels::quantize_rows(table, int8);
  kernels::widen_rows(int8, wide);
  const Tensor ids = Tensor::from<int64_t>({2, 2}, std::vector<int64_t>{3, 10, 0, 3});
  for (const auto& [stored, plain] : {std::pair{bf16, bf16.to(DType::f32)}, {int8, wide}})
    EXPECT_EQ(embedding(stored, ids).value().to_vector(),
              embedding(plain, ids).value().to_vector());
}

}  // namespace
}  // namespace lw
