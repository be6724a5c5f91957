#include "autograd/ops/dropout.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "tests/compare.h"
#include "tests/reference/dropout.h"

namespace lw {
namespace {

using kernels::Dropout;
using kernels::Mask;
using lw::testing::error_of;
using lw::testing::expect_close;
using lw::testing::expect_same_on_any_threads;
using lw::testing::same_bits;

Tensor noise(const Shape& shape, DType dtype = DType::f64) {
  return Random(1).normal(shape, 0, 1, dtype);
}

const Mask masks[] = {Mask::element, Mask::channel, Mask::sample};

/// The three ops as one function.
Variable drop(Mask mask, const Variable& x, double rate, const Random& random = Random(7)) {
  return mask == Mask::sample ? drop_path(x, rate, random)
                              : dropout(x, rate, random, mask == Mask::channel);
}

TEST(Dropout, AgreesWithTheReferenceAtAwkwardSizes) {
  for (const Mask mask : masks) {
    for (const Shape& shape :
         {Shape{1, 1, 1}, Shape{3, 5, 31}, Shape{2, 3, 32}, Shape{5, 1, 33}, Shape{2, 7, 63},
          Shape{2, 3, 1000}, Shape{2, 3, 5000}, Shape{1, 12000, 3}}) {
      for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
        const Dropout how{mask, 0.3, 0x123456789abcdefu, 11};
        const Tensor whole = noise(shape.with(2, shape[2] + 3)).to(dtype);
        const Tensor view = whole.slice(2, 2, 2 + shape[2]);
        const Tensor expected = Tensor::from(shape, reference::dropout(how, view));
        for (const Tensor& x : {view, view.contiguous()}) {
          Tensor y = Tensor::empty(shape, dtype);
          kernels::dropout(how, x, y);
          expect_close(y, expected, dtype == DType::bf16 ? 1e-2 : 1e-6);
        }
      }
    }
  }
}

TEST(Dropout, CountsBlocksBeyond32Bits) {
  const Dropout how{Mask::element, 0.5, 3, (int64_t{1} << 34) / 40 - 1};
  const Tensor x = noise({4, 1, 40});
  Tensor y = Tensor::empty_like(x);
  kernels::dropout(how, x, y);
  expect_close(y, Tensor::from(x.shape(), reference::dropout(how, x)), 1e-12);
}

TEST(Dropout, KeepsTheMeanAndDropsAtItsRate) {
  const Training training(3);
  const Tensor y = dropout(Tensor::full({100, 100, 10}, 1), 0.2, Random(1)).value();
  double sum = 0;
  int64_t zeros = 0;
  for (const double element : y.to_vector()) sum += element, zeros += element == 0;
  EXPECT_NEAR(sum / 1e5, 1, 0.01);
  EXPECT_NEAR(static_cast<double>(zeros) / 1e5, 0.2, 0.005);
}

TEST(Dropout, IsTheIdentityOutsideTraining) {
  const Variable x(noise({2, 3, 4}));
  for (const Mask mask : masks) {
    EXPECT_TRUE(drop(mask, x, 0.5).same_as(x));
    const Training training;
    EXPECT_TRUE(drop(mask, x, 0).same_as(x));
  }
}

TEST(Dropout, MicroBatchesSeeTheMasksOfTheWhole) {
  const Tensor x = noise({6, 5, 33}, DType::f32);
  for (const Mask mask : masks) {
    const auto part = [&](int64_t begin, int64_t end) {
      const Training training(4, begin);
      const Variable leaf(x.slice(0, begin, end), true);
      const Variable y = drop(mask, leaf, 0.5);
      y.backward(x.slice(0, begin, end));
      return Tensors{y.value(), leaf.grad()};
    };
    const Tensors whole = part(0, 6), first = part(0, 2), second = part(2, 6);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_TRUE(same_bits(whole[i].slice(0, 0, 2), first[i]));
      EXPECT_TRUE(same_bits(whole[i].slice(0, 2, 6), second[i]));
    }
  }
}

TEST(Dropout, StepAndFirstSampleMayBeReadFromTheDevice) {
  const Random random = Random(4).fork("layer");
  const Tensor x = Tensor::full({3, 5, 33}, 1);
  for (const int64_t step : {int64_t{0}, int64_t{7}, int64_t{1} << 33}) {
    const auto dropped = [&](const Tensor& position) {
      const Training training(position ? 99 : static_cast<uint64_t>(step), position ? 88 : 2,
                              position);
      std::vector<double> all = dropout(x, 0.3, random).value().to_vector();
      for (const double y : drop_path(x, 0.3, random).value().to_vector()) all.push_back(y);
      return all;
    };
    EXPECT_EQ(dropped(Tensor::from({2}, std::vector<int64_t>{step, 2})), dropped({}));
  }
}

TEST(Dropout, MasksDifferBetweenStepsAndStreams) {
  const Tensor x = noise({4, 5, 8});
  const auto at = [&](uint64_t step, const Random& random) {
    const Training training(step);
    return dropout(x, 0.5, random).value();
  };
  EXPECT_TRUE(same_bits(at(1, Random(7)), at(1, Random(7))));
  EXPECT_FALSE(same_bits(at(1, Random(7)), at(2, Random(7))));
  EXPECT_FALSE(same_bits(at(1, Random(7)), at(1, Random(7).fork("other"))));
}

TEST(Dropout, GradientsAgreeWithCentralDifferences) {
  const Training training(2, 5);
  for (const Mask mask : masks)
    for (const Shape& shape : {Shape{6}, Shape{4, 9}, Shape{3, 4, 33}})
      check_gradients([&](const Variables& v) { return drop(mask, v[0], 0.4); }, {noise(shape)});
}

TEST(Dropout, HasTheSameBitsOnAnyNumberOfThreads) {
  const Training training(2);
  const Tensor x = noise({20, 300, 33}, DType::f32);
  expect_same_on_any_threads([&] {
    Tensors results;
    for (const Mask mask : masks) results.push_back(drop(mask, x, 0.4).value());
    return results;
  });
}

TEST(Dropout, SaysWhatItExpected) {
  const Tensor x = noise({2, 3});
  EXPECT_EQ(error_of([&] { dropout(x, 1, Random(1)); }),
            "dropout: the rate is 1, expected one in [0, 1)");
  EXPECT_EQ(error_of([&] { drop_path(x, -0.5, Random(1)); }),
            "drop_path: the rate is -0.5, expected one in [0, 1)");
}

}  // namespace
}  // namespace lw
