#include "autograd/ops/linear.h"

#include "autograd/checkpoint.h"
#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "autograd/precision.h"
#include "core/random.h"
#include "kernels/quantize/quantize.h"
#include "tests/compare.h"
#include "tests/reference/matmul.h"

namespace lw {
namespace {

using testing::error_of;
using testing::expect_close;
using testing::same_bits;

Tensor noise(const Shape& shape, DType dtype = DType::f32, uint64_t stream = 0) {
  return Random(7).fork(stream).normal(shape, 0, 1, DType::f64).to(dtype);
}

TEST(Linear, EqualsTheReference) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [rows, in, out] :
         {std::array<int64_t, 3>{1, 1, 1}, {31, 32, 33}, {63, 16, 1}, {0, 3, 4}, {1000, 8, 20}}) {
      const Tensor x = noise({rows, in}, dtype, 1), w = noise({out, in}, dtype, 2),
                   b = noise({out}, dtype, 3), y = linear(x, w, b).value();
      expect_close(y, reference::matmul(x, w, {.transpose_b = true, .bias = b}, y),
                   dtype == DType::f32 ? 1e-4 : 1e-12);
    }
}

TEST(Linear, GradientsAgreeWithDifferences) {
  const auto f = [](const Variables& v) { return linear(v[0], v[1], v[2]); };
  const Tensor w = noise({5, 4}, DType::f64, 2), b = noise({5}, DType::f64, 3);
  check_gradients(f, {noise({2, 3, 4}), w, b});
  check_gradients(f, {noise({2, 3, 4}), w, Tensor()});
  check_gradients(f, {noise({4}), w, b});
  check_gradients(f, {noise({2, 0, 4}), w, b});
}

TEST(Linear, TakesAPartOfASplit) {
  const Tensor w = noise({5, 4}, DType::f64, 2), b = noise({5}, DType::f64, 3);
  check_gradients(
      [&](const Variables& v) {
        const auto parts = split(linear(v[0], v[1]), {2, 4, 3});
        return linear(parts[1], v[2], v[3]);
      },
      {noise({2, 3, 6}), noise({9, 6}), w, b});
}

TEST(Linear, InferenceTakesStoredWeights) {
  const NoGrad no_grad;
  for (const int64_t rows : {0, 1, 4, 5, 40}) {
    const Tensor x = noise({rows, 33}, DType::f32, 1), w = noise({20, 33}, DType::f32, 2),
                 b = noise({20}, DType::f32, 3), bf16 = w.to(DType::bf16);
    Tensor int8 = kernels::empty_int8_rows(20, 33), wide = Tensor::empty(w.shape());
    kernels::quantize_rows(w, int8);
    kernels::widen_rows(int8, wide);
    for (const auto& [stored, plain] : {std::pair{bf16, bf16.to(DType::f32)}, {int8, wide}}) {
      const Tensor y = linear(x, stored, b).value();
      expect_close(y, reference::matmul(x, plain, {.transpose_b = true, .bias = b}, y), 1e-4);
    }
  }
}

TEST(Linear, NothingIsDifferentiatedThroughStoredWeights) {
  const Variable x(noise({2, 4}), true);
  EXPECT_EQ(error_of([&] {
              linear(x, noise({3, 4}).to(DType::bf16));
            }),
            "linear: `weight` is stored in bf16 for inference; nothing can be differentiated "
            "through it\n  compute under NoGrad, or keep the weights in f32");
}

TEST(Linear, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const DType precision : {DType::f32, DType::bf16})
    testing::expect_same_on_any_threads([&] {
      const Autocast autocast(precision);
      const Variable x(noise({8, 300, 65}, DType::f32, 1), true), w(noise({130, 65}), true),
          b(noise({130}), true);
      const Variable y = linear(x, w, b);
      y.backward(noise(y.shape(), DType::f32, 5));
      return Tensors{y.value(), x.grad(), w.grad(), b.grad()};
    });
}

TEST(Autocast, RoundsTheOperandsOfTheProductsAndNothingElse) {
  const Variable x(noise({3, 40, 65}, DType::f32, 1), true), w(noise({33, 65}), true),
      b(noise({33}), true);
  const Tensor dy = noise({3, 40, 33}, DType::f32, 5);
  {
    const Autocast autocast(DType::bf16);
    linear(x, w, b).backward(dy);
    EXPECT_EQ(linear(x, w, b).dtype(), DType::f32);
  }
  const auto rounded = [](const Tensor& t) { return t.to(DType::bf16).to(DType::f32).rows(); };
  const auto zeros = [](const Variable& v) { return Tensor::zeros(v.shape()).rows(); };
  expect_close(x.grad().rows(), reference::matmul(rounded(dy), rounded(w.value()), {}, zeros(x)),
               1e-4);
  expect_close(w.grad(),
               reference::matmul(rounded(dy), rounded(x.value()), {.transpose_a = true}, zeros(w)),
               1e-4);
  Tensor db = Tensor::empty({33});
  kernels::column_sums(dy.rows(), db);
  EXPECT_TRUE(same_bits(b.grad(), db));
  EXPECT_EQ(Autocast::current(), DType::f32);
}

TEST(Autocast, TakesAndGivesBackABf16Input) {
  const Autocast autocast(DType::bf16);
  const Variable x(noise({3, 7}, DType::bf16, 1), true), w(noise({5, 7}), true);
  const Variable y = linear(x, w);
  y.backward(noise(y.shape()));
  EXPECT_EQ(y.dtype(), DType::f32);
  EXPECT_EQ(x.grad().dtype(), DType::bf16);
  EXPECT_EQ(w.grad().dtype(), DType::f32);
}

TEST(Autocast, HoldsInTheSecondRunOfACheckpoint) {
  const Variable w(noise({5, 7}), true);
  const auto gradient = [&](bool checkpointed) {
    const Variable x(noise({3, 7}, DType::f32, 1), true);
    const auto f = [&](const Variable& v) { return linear(linear(v, w), noise({7, 5})); };
    Variable y;
    {
      const Autocast autocast(DType::bf16);
      y = checkpointed ? checkpoint(f, x) : f(x);
    }
    y.backward(noise(y.shape()));
    return x.grad();
  };
  EXPECT_TRUE(same_bits(gradient(true), gradient(false)));
}

TEST(Autocast, LeavesDoublesAlone) {
  const Tensor x = noise({3, 7}, DType::f64, 1), w = noise({5, 7}, DType::f64, 2);
  const Tensor expected = linear(x, w).value();
  const Autocast autocast(DType::bf16);
  EXPECT_TRUE(same_bits(linear(x, w).value(), expected));
  EXPECT_EQ(error_of([] { Autocast{DType::i32}; }), "Autocast: expected f32 or bf16, received i32");
}

TEST(Linear, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] {
              linear(Tensor::zeros({2, 3}), Tensor::zeros({5, 4}));
            }),
            "linear: axis `in` of `weight` is 4, expected 3\n"
            "  expected  weight [out, in] = [5, 3]\n"
            "  received  weight           = [5, 4]\n"
            "  because   x [..., in] = [2, 3]");
  EXPECT_EQ(error_of([] {
              linear(Tensor::zeros({2, 3}, DType::bf16), Tensor::zeros({5, 3}));
            }),
            "linear: `x` is bf16, expected f32 like `weight`; a bf16 `x` needs "
            "Autocast(DType::bf16)");
}

}  // namespace
}  // namespace lw
