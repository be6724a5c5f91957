#include "autograd/ops/cross_entropy.h"

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/compare.h"
#include "tests/reference/cross_entropy.h"

namespace lw {
namespace {

using testing::error_of;
using testing::expect_close;

constexpr int64_t none = -100;

Tensor noise(const Shape& shape, DType dtype = DType::f64, double mean = 0, double deviation = 2) {
  return Random(7).normal(shape, mean, deviation, DType::f64).to(dtype);
}

/// Labels in [0, classes), every fifth ignored.
std::vector<int64_t> labels(int64_t rows, int64_t classes) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < rows; ++i)
    result.push_back(i % 5 == 3 ? none : Random(3).integer_at(static_cast<uint64_t>(i), classes));
  return result;
}

TEST(CrossEntropy, EqualsTheReferenceAtAwkwardSizes) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t classes : {1, 2, 10, 31, 32, 33, 1000, 1025})
      for (const double smoothing : {0., 0.1}) {
        const int64_t rows = 23;
        const Tensor logits = noise({rows, classes + 3}, dtype).slice(1, 2, classes + 2);
        const auto targets = labels(rows, classes);
        const Tensor t = Tensor::from({rows}, targets);
        const double sum = reference::cross_entropy(logits, targets, none, smoothing);
        const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-12;
        const auto loss = [&](std::optional<double> divisor) {
          return cross_entropy(logits, t, {.label_smoothing = smoothing, .divisor = divisor})
              .value()
              .item();
        };
        EXPECT_NEAR(loss(1), sum, tolerance * std::abs(sum) + 1e-12);
        EXPECT_NEAR(loss({}), sum / static_cast<double>(counted_targets(t)), tolerance * 10);
      }
}

TEST(CrossEntropy, LogitsInBf16AreTakenAsTheyAre) {
  for (const int64_t classes : {1, 2, 31, 33, 1000, 1025})
    for (const double smoothing : {0., 0.1}) {
      const Tensor half =
          noise({23, classes + 3}).to(DType::f32).to(DType::bf16).slice(1, 2, classes + 2);
      const Tensor t = Tensor::from({23}, labels(23, classes));
      const auto run = [&](const Variable& logits) {
        const Variable loss =
            cross_entropy(logits, t, {.label_smoothing = smoothing, .divisor = 4});
        EXPECT_EQ(loss.dtype(), DType::f32);
        loss.backward();
        return Tensors{loss.value(), logits.grad()};
      };
      const Tensors narrow = run({half, true}), wide = run({half.to(DType::f32), true});
      EXPECT_EQ(narrow[1].dtype(), DType::bf16);
      expect_close(narrow[0], wide[0], 1e-6 * std::abs(wide[0].item()) + 1e-7);
      const auto a = narrow[1].to_vector(), b = wide[1].to_vector();
      for (size_t i = 0; i < a.size(); ++i)
        ASSERT_NEAR(a[i], b[i], std::abs(b[i]) / 256 + 1e-7) << i;
    }
}

TEST(CrossEntropy, TheGradientMayTakeThePlaceOfTheLogits) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
    for (const int64_t classes : {1, 2, 31, 33, 300, 1024, 1025, 3001}) {
      Tensor logits = noise({23, classes + 3}, dtype).slice(1, 2, classes + 2);
      const kernels::CrossEntropy in{.logits = logits,
                                     .targets = Tensor::from({23}, labels(23, classes)),
                                     .label_smoothing = 0.1,
                                     .divisor = 3};
      const DType sums = kernels::loss_dtype(dtype);
      Tensor loss = Tensor::empty({}, sums), saved = Tensor::empty({23, 2}, sums),
             apart = Tensor::empty(logits.shape(), dtype);
      const Tensor dy = Tensor::full({}, 0.75, sums);
      kernels::cross_entropy_forward(in, loss, saved);
      kernels::cross_entropy_backward(in, saved, dy, apart);
      kernels::cross_entropy_backward(in, saved, dy, logits);
      EXPECT_TRUE(testing::same_bits(logits, apart)) << dtype << ' ' << classes;
    }
}

TEST(CrossEntropy, GradientsAgreeWithDifferences) {
  const Tensor targets = Tensor::from({2, 3}, std::vector<int64_t>{0, 6, none, 2, none, 5});
  for (const int64_t classes : {7, 33})
    for (const double smoothing : {0., 0.2})
      for (const std::optional<double> divisor : {std::optional<double>(), std::optional(2.5)})
        check_gradients(
            [&](const Variables& v) {
              return cross_entropy(v[0], targets,
                                   {.label_smoothing = smoothing, .divisor = divisor});
            },
            {noise({2, 3, classes})});
}

TEST(CrossEntropy, IsStableForLogitsOfAnySize) {
  for (const double mean : {-3e4, 3e4}) {
    const Variable logits(noise({4, 65}, DType::f32, mean, 20), true);
    const auto targets = labels(4, 65);
    const Variable loss = cross_entropy(logits, Tensor::from({4}, targets), {.divisor = 1.});
    EXPECT_NEAR(loss.value().item(), reference::cross_entropy(logits.value(), targets, none, 0),
                1e-3);
    loss.backward();
    double sum = 0;  // of a row: sum p - 1 = 0
    for (const double g : logits.grad().to_vector()) sum += g;
    EXPECT_NEAR(sum, 0, 1e-5);
  }
}

TEST(CrossEntropy, ANaNInTheLogitsShowsInTheLoss) {
  Tensor logits = noise({2, 40}, DType::f32);
  logits.select(0, 0).slice(0, 17, 18).fill(NAN);
  EXPECT_TRUE(std::isnan(
      cross_entropy(logits, Tensor::from({2}, std::vector<int64_t>{1, 2})).value().item()));
}

TEST(CrossEntropy, IsZeroWhereAllTargetsAreIgnored) {
  const Variable logits(noise({2, 33}, DType::f32), true);
  const Variable loss = cross_entropy(logits, Tensor::full({2}, none, DType::i64));
  EXPECT_EQ(loss.value().item(), 0);
  loss.backward();
  expect_close(logits.grad(), Tensor::zeros({2, 33}), 0);
  EXPECT_EQ(cross_entropy(Tensor::zeros({0, 5}), Tensor::zeros({0}, DType::i64)).value().item(), 0);
}

TEST(CrossEntropy, PartsOfABatchAddUpToTheWhole) {
  const Tensor logits = noise({10, 9}), targets = Tensor::from({10}, labels(10, 9));
  const auto divisor = static_cast<double>(counted_targets(targets));
  const auto part = [&](int64_t begin, int64_t end) {
    return cross_entropy(logits.slice(0, begin, end), targets.slice(0, begin, end),
                         {.divisor = divisor})
        .value()
        .item();
  };
  EXPECT_NEAR(part(0, 3) + part(3, 10), cross_entropy(logits, targets).value().item(), 1e-13);
}

TEST(CrossEntropy, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads([] {
    const Variable logits(noise({900, 65}, DType::f32), true);
    const Variable loss =
        cross_entropy(logits, Tensor::from({900}, labels(900, 65)), {.label_smoothing = 0.1});
    loss.backward();
    return Tensors{loss.value(), logits.grad()};
  });
}

TEST(CrossEntropy, RefusesTargetsThatAreNoClasses) {
  const Tensor targets = Tensor::from({2, 2}, std::vector<int64_t>{0, 4, none, 5});
  EXPECT_EQ(error_of([&] {
              cross_entropy(Tensor::zeros({2, 2, 5}), targets);
            }),
            "cross_entropy: `targets` is 5 at [1, 1], expected 0 <= index < 5, or -100 for none");
  EXPECT_EQ(error_of([&] {
              cross_entropy(Tensor::zeros({2, 3, 5}), targets);
            }),
            "cross_entropy: `targets` is i64 [2, 2], expected i64 [2, 3]\n"
            "  because   logits [..., classes] = [2, 3, 5]");
  EXPECT_EQ(error_of([&] {
              cross_entropy(Tensor::zeros({2, 2, 9}), targets, {.divisor = 0.});
            }),
            "cross_entropy: divisor is 0, expected a positive number");
}

}  // namespace
}  // namespace lw
