#include "autograd/ops/pool.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/compare.h"

namespace lw {
namespace {

using lw::testing::error_of;
using lw::testing::expect_close;
using lw::testing::expect_same_on_any_threads;

Tensor noise(const Shape& shape, DType dtype = DType::f64) {
  return Random(1).normal(shape, 0, 1, dtype);
}

Tensor lengths(const std::vector<int64_t>& values) {
  return Tensor::from({static_cast<int64_t>(values.size())}, values);
}

TEST(MeanPool, IsTheMeanOfTheStepsThatCount) {
  for (const int64_t channels : {1, 31, 33, 1000}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      Tensor whole = noise({3, 63, channels + 2}, dtype);
      const std::vector<int64_t> length{1, 63, 32};
      whole.slice(0, 0, 1).slice(1, 1, 63).fill(NAN);  // behind the end: not read
      const Tensor x = whole.slice(2, 1, 1 + channels), here = x.to(host);
      std::vector<double> expected;
      for (int64_t b = 0; b < 3; ++b) {
        for (int64_t c = 0; c < channels; ++c) {
          double sum = 0;
          const int64_t steps = length[static_cast<size_t>(b)];
          for (int64_t t = 0; t < steps; ++t) sum += here.at({b, t, c});
          expected.push_back(sum / static_cast<double>(steps));
        }
      }
      expect_close(mean_pool(x, lengths(length)).value(), Tensor::from({3, channels}, expected),
                   1e-6);
    }
  }
}

TEST(LastStep, IsTheLastThatCounts) {
  const Tensor x = noise({2, 5, 3});
  const Tensor y = last_step(x, lengths({2, 5})).value();
  for (int64_t c = 0; c < 3; ++c) {
    EXPECT_EQ(y.at({0, c}), x.at({0, 1, c}));
    EXPECT_EQ(y.at({1, c}), x.at({1, 4, c}));
    EXPECT_EQ(last_step(x).value().at({0, c}), x.at({0, 4, c}));
  }
}

TEST(Pool, GradientsAgreeWithCentralDifferences) {
  for (const Tensor& length : {Tensor(), lengths({1, 4, 2})}) {
    const Tensor x = noise({3, 4, 5});
    check_gradients([&](const Variables& v) { return mean_pool(v[0], length); }, {x});
    check_gradients([&](const Variables& v) { return last_step(v[0], length); }, {x});
  }
}

TEST(Pool, HasTheSameBitsOnAnyNumberOfThreads) {
  const Tensor x = noise({3, 700, 130}, DType::f32);
  expect_same_on_any_threads([&] {
    const Variable leaf(x, true);
    const Variable y = mean_pool(leaf, lengths({700, 3, 650}));
    y.backward(y.value());
    return Tensors{y.value(), leaf.grad()};
  });
}

TEST(Pool, SaysWhatItExpected) {
  const Tensor x = noise({2, 4, 3});
  EXPECT_EQ(error_of([&] {
              mean_pool(x, lengths({4, 5}));
            }),
            "mean_pool: the length of sequence 1 is 5, expected one in [1, 4]");
  EXPECT_EQ(error_of([&] {
              last_step(x, lengths({0, 4}));
            }),
            "last_step: the length of sequence 0 is 0, expected one in [1, 4]");
}

}  // namespace
}  // namespace lw
