#include "autograd/ops/reduce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/reduce.h"

namespace lw {
namespace {

using lw::testing::error_of;
using lw::testing::expect_same_on_any_threads;
using ::testing::ElementsAre;

Tensor noise(const Shape& shape, DType dtype = DType::f64) {
  return Random(1).normal(shape, 0, 1, DType::f64).to(dtype);
}

/// Every subset of the axes of a tensor of the given rank, but the empty one.
std::vector<std::vector<int>> subsets(int rank) {
  std::vector<std::vector<int>> all;
  for (int bits = 1; bits < 1 << rank; ++bits) {
    std::vector<int> axes;
    for (int k = 0; k < rank; ++k)
      if (bits >> k & 1) axes.push_back(k);
    all.push_back(axes);
  }
  return all;
}

kernels::Axes marked(const std::vector<int>& axes) {
  kernels::Axes result{};
  for (const int axis : axes) result[axis] = true;
  return result;
}

void expect_near(const Tensor& y, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> got = y.to_vector();
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_TRUE(std::abs(got[i] - expected[i]) <= tolerance * std::max(1., std::abs(expected[i])))
        << "element " << i << " is " << got[i] << ", expected " << expected[i];
}

const Shape shapes[] = {{1},         {31},         {1000},        {70000},      {3, 17},
                        {33, 1},     {1, 63},      {5, 2000},     {2000, 5},    {2, 32, 33},
                        {3, 300, 1}, {2, 3, 4, 5}, {1, 12000, 3}, {2, 1, 3000}, {20, 31, 70}};

TEST(Sum, AgreesWithTheReferenceOverAnyAxes) {
  const auto add = [](long double a, long double b) { return a + b; };
  for (const Shape& shape : shapes) {
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      if (dtype != DType::f32 && shape.numel() > 20000) continue;
      const Tensor whole = noise(shape.with(-1, shape.back() + 3), dtype);
      const Tensor view = whole.slice(-1, 2, 2 + shape.back());
      for (const auto& axes : subsets(shape.rank())) {
        const std::vector<double> expected = reference::reduce(view, marked(axes), 0, add);
        const double tolerance = dtype == DType::bf16 ? 4e-3 : dtype == DType::f32 ? 1e-7 : 1e-12;
        SCOPED_TRACE(str(shape, " ", dtype));
        expect_near(sum(view, axes).value(), expected, tolerance);
        expect_near(sum(view.contiguous(), axes, true).value(), expected, tolerance);
      }
    }
  }
}

TEST(Sum, OfAMillionFloatsIsExactButForItsRounding) {
  const Tensor x = Random(3).uniform({1000000}, 0, 1);
  const auto add = [](long double a, long double b) { return a + b; };
  const double exact = reference::reduce(x, marked({0}), 0, add)[0];
  EXPECT_NEAR(sum(x).value().item(), exact, 1e-7 * exact);
  EXPECT_NEAR(mean(x.reshape({1000, 1000})).value().item(), exact / 1e6, 1e-7);
  EXPECT_NEAR(sum(x.reshape({-1, 1})).value().item(), exact, 1e-7 * exact);
}

TEST(Sum, DropsOrKeepsTheAxes) {
  const Variable x(noise({2, 3, 4}));
  EXPECT_EQ(sum(x).shape(), Shape());
  EXPECT_EQ(sum(x, {1}).shape(), Shape({2, 4}));
  EXPECT_EQ(sum(x, {-1, 0}).shape(), Shape({3}));
  EXPECT_EQ(sum(x, {1}, true).shape(), Shape({2, 1, 4}));
  EXPECT_EQ(sum(Variable(Tensor::zeros({2, 0, 3})), {1}).value().to_vector(),
            std::vector<double>(6, 0));
  EXPECT_EQ(error_of([&] { sum(x, {1, -2}); }), "sum: axis -2 of [2, 3, 4] is named twice");
}

TEST(Sum, OfComplexNumbers) {
  const std::vector<complex64> values{{1, 2}, {3, 4}, {5, 6}, {7, 8}};
  const Tensor x = Tensor::from({2, 2}, values);
  EXPECT_EQ(sum(x).value().to(host).data<complex64>()[0], complex64(16, 20));
  EXPECT_EQ(sum(x, {0}).value().to(host).data<complex64>()[1], complex64(10, 12));
  EXPECT_EQ(sum(x, {1}).value().to(host).data<complex64>()[0], complex64(4, 6));
  check_gradients([](const Variables& v) { return sum(v[0], {0}); },
                  {noise({3, 2}).to(DType::c128)});
}

TEST(Reduce, GradientsAgreeWithCentralDifferences) {
  for (const auto& axes : subsets(3)) {
    for (const bool keepdims : {false, true}) {
      const Tensor x = noise({3, 4, 5});
      check_gradients([&](const Variables& v) { return sum(v[0], axes, keepdims); }, {x});
      check_gradients([&](const Variables& v) { return mean(v[0], axes, keepdims); }, {x});
      check_gradients([&](const Variables& v) { return max(v[0], axes, keepdims); }, {x});
    }
  }
}

TEST(Max, AgreesWithTheReferenceOverAnyAxes) {
  const auto larger = [](long double a, long double b) { return std::max(a, b); };
  for (const Shape& shape : shapes) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor x = noise(shape, dtype);
      for (const auto& axes : subsets(shape.rank()))
        expect_near(max(x, axes).value(), reference::reduce(x, marked(axes), -INFINITY, larger), 0);
    }
  }
}

TEST(Max, GradientGoesToTheFirst) {
  Variable x(Tensor::from({2, 3}, std::vector<double>{1, 5, 5, 7, 0, 7}), true);
  max(x, {1}).backward(Tensor::full({2}, 1, DType::f64));
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(0, 1, 0, 1, 0, 0));
  x.clear_grad();
  max(x).backward();
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(0, 0, 0, 1, 0, 0));
  x.clear_grad();
  max(x, {0}).backward(Tensor::full({3}, 1, DType::f64));
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(0, 1, 0, 1, 0, 1));
}

TEST(Max, GradientGoesToTheFirstOfALongRow) {
  std::vector<double> values(3 * 100, 0), expected(3 * 100, 0);
  for (const int at : {33, 34, 70, 131, 132, 299}) values[at] = 5;
  expected[33] = expected[131] = expected[299] = 1;
  Variable x(Tensor::from({3, 100}, values), true);
  max(x, {1}).backward(Tensor::full({3}, 1, DType::f64));
  EXPECT_EQ(x.grad().to_vector(), expected);

  Variable rows(Tensor::from({3, 2, 50}, values), true);
  max(rows, {0, 2}).backward(Tensor::full({2}, 1, DType::f64));
  expected[131] = expected[299] = 0;
  expected[70] = 1;
  EXPECT_EQ(rows.grad().to_vector(), expected);
}

TEST(Max, SeesNaNAndRefusesNothing) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Tensor x = noise({3, 40});
  x.slice(0, 1, 2).slice(1, 7, 8).fill(nan);
  const std::vector<double> y = max(x, {1}).value().to_vector();
  EXPECT_TRUE(!std::isnan(y[0]) && std::isnan(y[1]) && !std::isnan(y[2]));
  EXPECT_TRUE(std::isnan(max(x, {0}).value().at({7})));
  EXPECT_EQ(error_of([] {
              max(Variable(Tensor::zeros({2, 0})), {1});
            }),
            "max: there is no maximum of nothing, received f32 [2, 0]");
}

TEST(Reduce, HasTheSameBitsOnAnyNumberOfThreads) {
  const Tensor x = noise({50, 40, 70}, DType::f32);
  expect_same_on_any_threads([&] {
    Tensors results;
    for (const auto& axes : subsets(3)) results.push_back(sum(x, axes).value());
    const Variable leaf(x, true);
    max(leaf, {0, 2}).backward(noise({40}, DType::f32));
    results.push_back(leaf.grad());
    return results;
  });
}

}  // namespace
}  // namespace lw
