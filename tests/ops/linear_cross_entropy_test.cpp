#include "autograd/ops/linear_cross_entropy.h"

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/shape.h"
#include "autograd/precision.h"
#include "core/memory.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/cross_entropy.h"
#include "tests/reference/matmul.h"

namespace lw {
namespace {

using testing::error_of;
using testing::expect_close;
using testing::pitched;
using testing::same_bits;

constexpr int64_t none = -100;

Tensor noise(const Shape& shape, DType dtype = DType::f64, uint64_t stream = 0,
             double deviation = 1) {
  return Random(7).fork(stream).normal(shape, 0, deviation, DType::f64).to(dtype);
}

/// Labels in [0, classes), every fifth ignored.
Tensor labels(const Shape& shape, int64_t classes) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < shape.numel(); ++i)
    result.push_back(i % 5 == 3 ? none : Random(3).integer_at(static_cast<uint64_t>(i), classes));
  return Tensor::from(shape, result);
}

/// x, weight and bias of [..., in] times [classes, in], all differentiable.
struct Arguments {
  Variable x, weight, bias;

  Arguments(const Shape& shape, int64_t classes, DType dtype)
      : x(noise(shape, dtype, 1), true),
        weight(noise({classes, shape.back()}, dtype, 2), true),
        bias(noise({classes}, dtype, 3), true) {}

  Variable loss(const Tensor& targets, const CrossEntropyOptions& options = {},
                int64_t chunk = 0) const {
    return linear_cross_entropy(x, weight, bias, targets, options, chunk);
  }
  Variable composed(const Tensor& targets, const CrossEntropyOptions& options = {}) const {
    return cross_entropy(linear(x, weight, bias), targets, options);
  }
  /// The loss and the gradients.
  Tensors differentiate(const Variable& loss) {
    loss.backward();
    Tensors all{loss.value(), x.grad(), weight.grad(), bias.grad()};
    x.clear_grad(), weight.clear_grad(), bias.clear_grad();
    return all;
  }
};

TEST(LinearCrossEntropy, EqualsTheReferenceAtAwkwardSizes) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [rows, in, classes] :
         {std::array<int64_t, 3>{1, 1, 1}, {23, 5, 2}, {31, 33, 32}, {32, 3, 1000}, {7, 4, 1025}})
      for (const double smoothing : {0., 0.1})
        for (const int64_t chunk : {0, 1, 5}) {
          const Arguments a({rows, in}, classes, dtype);
          const Tensor targets = labels({rows}, classes);
          const Tensor like = Tensor::empty({rows, classes}, DType::f64);
          const Tensor logits = reference::matmul(
              a.x.value(), a.weight.value(), {.transpose_b = true, .bias = a.bias.value()}, like);
          std::vector<int64_t> t;
          for (const double target : targets.to_vector()) t.push_back(static_cast<int64_t>(target));
          const double expected = reference::cross_entropy(logits, t, none, smoothing);
          const double loss =
              a.loss(targets, {.label_smoothing = smoothing, .divisor = 1}, chunk).value().item();
          EXPECT_NEAR(loss, expected, (dtype == DType::f32 ? 1e-5 : 1e-12) * (1 + expected));
        }
}

TEST(LinearCrossEntropy, GradientsAgreeWithDifferences) {
  const Tensor targets = labels({2, 5}, 7);
  for (const int64_t chunk : {0, 1, 3, 5, 10, 11})
    for (const bool biased : {true, false})
      check_gradients(
          [&](const Variables& v) {
            return linear_cross_entropy(v[0], v[1], biased ? v[2] : Variable(), targets,
                                        {.label_smoothing = 0.2}, chunk);
          },
          {noise({2, 5, 4}, DType::f64, 1), noise({7, 4}, DType::f64, 2),
           biased ? noise({7}, DType::f64, 3) : Tensor()});
}

TEST(LinearCrossEntropy, IsDifferentiatedAsAPartOfALargerGraph) {
  const Tensor targets = labels({9}, 6);
  check_gradients(
      [&](const Variables& v) {  // x a part of a split; the loss scaled; the weight used twice
        const Variable x = split<2>(linear(v[0], v[1]), {2, 4})[1];
        return mul(linear_cross_entropy(x, v[1], {}, targets, {.divisor = 3.5}, 4), v[2]);
      },
      {noise({9, 4}, DType::f64, 1), noise({6, 4}, DType::f64, 2),
       Tensor::scalar(-0.7, DType::f64)});
}

TEST(LinearCrossEntropy, IsTheTwoOpsComposed) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::optional<double> divisor : {std::optional<double>(), std::optional(2.5)}) {
      Arguments a({3, 7, 9}, 33, dtype);
      const Tensor targets = labels({3, 7}, 33);
      const CrossEntropyOptions options{.label_smoothing = 0.1, .divisor = divisor};
      const Tensors expected = a.differentiate(a.composed(targets, options));
      for (const int64_t chunk : {0, 1, 4, 20, 21, 22}) {
        const Tensors actual = a.differentiate(a.loss(targets, options, chunk));
        for (size_t i = 0; i < actual.size(); ++i)
          expect_close(actual[i], expected[i], dtype == DType::f32 ? 2e-6 : 1e-14);
        EXPECT_TRUE((chunk > 0 && chunk < 21) || same_bits(actual[0], expected[0])) << chunk;
      }
    }
}

TEST(LinearCrossEntropy, ChunksThatSuitTheSizesAreOneOrMany) {
  for (const int64_t rows : {1, 1500}) {  // 1200 classes: 873 rows of them are a chunk of the CPU
    Arguments a({rows, 3}, 1200, DType::f32);
    const Tensor targets = labels({rows}, 1200);
    const Tensors expected = a.differentiate(a.composed(targets)),
                  actual = a.differentiate(a.loss(targets));
    for (size_t i = 0; i < actual.size(); ++i) expect_close(actual[i], expected[i], 2e-6);
  }
}

TEST(LinearCrossEntropy, InBf16LogitsAndTheirGradientAreRounded) {
  const auto distance = [](const Tensor& a, const Tensor& b) {  // of the largest value
    const auto x = a.to_vector(), y = b.to_vector();
    double difference = 0, largest = 0;
    for (size_t i = 0; i < x.size(); ++i)
      difference = std::max(difference, std::abs(x[i] - y[i])),
      largest = std::max(largest, std::abs(y[i]));
    return difference / largest;
  };
  Arguments a({50, 33}, 65, DType::f32);
  const Tensor targets = labels({50}, 65);
  const Tensors wide = a.differentiate(a.composed(targets));
  const Autocast autocast(DType::bf16);
  for (const int64_t chunk : {0, 1, 16}) {
    const Tensors narrow = a.differentiate(a.loss(targets, {}, chunk));
    for (size_t i = 0; i < wide.size(); ++i) {
      EXPECT_EQ(narrow[i].dtype(), DType::f32);
      EXPECT_LT(distance(narrow[i], wide[i]), 2e-2) << i << ' ' << chunk;
    }
  }
  a.x = Variable(a.x.value().to(DType::bf16), true);
  const Tensors half = a.differentiate(mul(a.loss(targets, {}, 16), Tensor::scalar(0.5)));
  EXPECT_EQ(half[1].dtype(), DType::bf16);
  for (size_t i = 1; i < wide.size(); ++i) {
    Tensor expected = wide[i].clone();
    expected.fill(0);
    EXPECT_GT(distance(expected, wide[i]), 0.9);
    EXPECT_LT(std::abs(distance(half[i].to(DType::f32), wide[i]) - 0.5), 2e-2) << i;
  }
}

TEST(LinearCrossEntropy, TakesRowsThatLieApart) {
  Arguments a({4, 6, 5}, 11, DType::f32);
  const Tensor targets = labels({4, 6}, 11);
  for (const DType precision : {DType::f32, DType::bf16}) {
    const Autocast autocast(precision);
    const Tensors expected = a.differentiate(a.loss(targets, {}, 7));
    Arguments apart = a;
    apart.x = Variable(pitched(a.x.value()), true);
    apart.weight = Variable(pitched(a.weight.value()), true);
    const Tensors actual = apart.differentiate(apart.loss(targets, {}, 7));
    for (size_t i = 0; i < actual.size(); ++i) expect_close(actual[i], expected[i], 1e-6);
  }
}

TEST(LinearCrossEntropy, GivesTheGradientsThatAreAskedFor) {
  const Tensor targets = labels({13}, 6);
  Arguments all({13, 4}, 6, DType::f32);
  const Tensors expected = all.differentiate(all.loss(targets, {}, 5));
  for (int mask = 0; mask < 8; ++mask) {
    Arguments a = all;
    const std::array parts{&a.x, &a.weight, &a.bias};
    for (size_t i = 0; i < parts.size(); ++i)
      *parts[i] = Variable(parts[i]->value(), (mask >> i & 1) == 1);
    const Variable loss = a.loss(targets, {}, 5);
    EXPECT_TRUE(same_bits(loss.value(), expected[0]));
    EXPECT_EQ(loss.requires_grad(), mask != 0);
    if (mask != 0) loss.backward();
    for (size_t i = 0; i < parts.size(); ++i)
      EXPECT_TRUE(same_bits(parts[i]->grad(), (mask >> i & 1) == 1 ? expected[i + 1] : Tensor()))
          << mask << ' ' << i;
  }
  const NoGrad no_grad;
  const Variable loss = all.loss(targets, {}, 5);
  EXPECT_TRUE(same_bits(loss.value(), expected[0]));
  EXPECT_FALSE(loss.requires_grad());
}

TEST(LinearCrossEntropy, NeedsTheMemoryOfAChunk) {
  const int64_t rows = 400, classes = 3000;
  Arguments a({rows, 8}, classes, DType::f32);
  const Tensor targets = labels({rows}, classes);
  const auto peak = [&](const auto& loss) {
    const int64_t before = memory_use(default_device()).used;
    reset_peak_memory(default_device());
    a.differentiate(loss());
    return memory_use(default_device()).peak - before;
  };
  const int64_t logits = rows * classes * 4;
  EXPECT_GT(peak([&] { return a.composed(targets); }), 2 * logits);
  EXPECT_LT(peak([&] { return a.loss(targets, {}, 400); }), 2 * logits);
  EXPECT_LT(peak([&] { return a.loss(targets, {}, 40); }), logits / 2);
}

TEST(LinearCrossEntropy, IgnoredRowsCountForNothing) {
  Arguments a({10, 4}, 33, DType::f32);
  const Tensor targets = labels({10}, 33);
  for (const int64_t chunk : {0, 3}) {
    const std::vector<double> dx = a.differentiate(a.loss(targets, {}, chunk))[1].to_vector();
    for (size_t i = 0; i < dx.size(); ++i) EXPECT_EQ(dx[i] == 0, i / 4 % 5 == 3) << i;
    const Tensors nothing =
        a.differentiate(a.loss(Tensor::full({10}, none, DType::i64), {}, chunk));
    for (const Tensor& t : nothing) expect_close(t, Tensor::zeros(t.shape()), 0);
  }
}

TEST(LinearCrossEntropy, NoRowsHaveNoLoss) {
  for (const DType precision : {DType::f32, DType::bf16}) {
    const Autocast autocast(precision);
    Arguments a({2, 0, 4}, 5, DType::f32);
    for (const Tensor& t : a.differentiate(a.loss(Tensor::zeros({2, 0}, DType::i64))))
      expect_close(t, Tensor::zeros(t.shape()), 0);
  }
}

TEST(LinearCrossEntropy, ANaNShowsInTheLoss) {
  Arguments a({7, 4}, 5, DType::f32);
  Tensor x = a.x.value();
  x.select(0, 5).fill(NAN);
  EXPECT_TRUE(std::isnan(a.loss(Tensor::zeros({7}, DType::i64), {}, 2).value().item()));
}

TEST(LinearCrossEntropy, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const DType precision : {DType::f32, DType::bf16})
    testing::expect_same_on_any_threads([&] {
      const Autocast autocast(precision);
      Arguments a({2, 200, 65}, 700, DType::f32);  // products that are cut
      return a.differentiate(a.loss(labels({2, 200}, 700), {.label_smoothing = 0.1}, 150));
    });
}

TEST(LinearCrossEntropy, RefusesWhatDoesNotFit) {
  const auto error = [](const Variable& x, const Variable& weight, const Variable& bias,
                        const Tensor& targets, const CrossEntropyOptions& options = {},
                        int64_t chunk = 0) {
    return error_of([&] { linear_cross_entropy(x, weight, bias, targets, options, chunk); });
  };
  const Tensor x = Tensor::zeros({2, 2, 3}), weight = Tensor::zeros({5, 3}),
               bias = Tensor::zeros({5}), targets = Tensor::zeros({2, 2}, DType::i64);
  EXPECT_EQ(error({}, weight, bias, targets),
            "linear_cross_entropy: `x` is missing or a scalar, expected [..., in]");
  EXPECT_EQ(error(x, {}, bias, targets),
            "linear_cross_entropy: `weight` is missing, expected [classes, in]");
  EXPECT_EQ(error(x, Tensor::zeros({5, 4}), bias, targets),
            "linear_cross_entropy: axis `in` of `weight` is 4, expected 3\n"
            "  expected  weight [classes, in] = [5, 3]\n"
            "  received  weight               = [5, 4]\n"
            "  because   x [..., in] = [2, 2, 3]");
  EXPECT_EQ(error(x, weight, Tensor::zeros({4}), targets),
            "linear_cross_entropy: axis `classes` of `bias` is 4, expected 5\n"
            "  expected  bias [classes] = [5]\n"
            "  received  bias           = [4]\n"
            "  because   weight [classes, in] = [5, 3]");
  EXPECT_EQ(error(x, weight.to(DType::bf16), {}, targets),
            "linear_cross_entropy: `weight` is bf16, expected f32 or f64");
  EXPECT_EQ(error(x, Tensor::zeros({0, 3}), {}, targets),
            "linear_cross_entropy: there are no classes, `weight` is f32 [0, 3]");
  EXPECT_EQ(error(x.to(DType::bf16), weight, bias, targets),
            "linear_cross_entropy: `x` is bf16, expected f32 like `weight`; a bf16 `x` needs "
            "Autocast(DType::bf16)");
  EXPECT_EQ(error(x, weight.to(DType::f64), {}, targets),
            "linear_cross_entropy: `x` is f32, expected f64 like `weight`");
  EXPECT_EQ(error(x, weight, bias, Tensor::zeros({2, 3}, DType::i64)),
            "linear_cross_entropy: `targets` is i64 [2, 3], expected i64 [2, 2]\n"
            "  because   logits [..., classes] = [2, 2, 5]");
  EXPECT_EQ(error(x, weight, bias, Tensor::from({2, 2}, std::vector<int64_t>{0, 4, none, 5})),
            "linear_cross_entropy: `targets` is 5 at [1, 1], expected 0 <= index < 5, or -100 for "
            "none");
  EXPECT_EQ(error(x, weight, bias, targets, {.label_smoothing = 1}),
            "linear_cross_entropy: label_smoothing is 1, expected [0, 1)");
  EXPECT_EQ(error(x, weight, bias, targets, {.divisor = 0.}),
            "linear_cross_entropy: divisor is 0, expected a positive number");
  EXPECT_EQ(
      error(x, weight, bias, targets, {}, -1),
      "linear_cross_entropy: chunk is -1, expected a number of rows, or 0 for as many as suit "
      "the sizes");
}

}  // namespace
}  // namespace lw
