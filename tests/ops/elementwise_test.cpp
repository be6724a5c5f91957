#include "autograd/ops/elementwise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/elementwise.h"

namespace lw {
namespace {

using kernels::Binary;
using kernels::Unary;
using lw::testing::error_of;
using lw::testing::expect_same_on_any_threads;
using ::testing::ElementsAre;
using testing::pitched;

struct UnaryCase {
  const char* name;
  Unary op;
  Variable (*function)(const Variable&);
};
const UnaryCase unary_cases[] = {
#define LW_CASE(name, Struct) {#name, Unary::name, &lw::name},
    LW_UNARY_OPS(LW_CASE)
#undef LW_CASE
};

struct BinaryCase {
  const char* name;
  Binary op;
  Variable (*function)(const Variable&, const Variable&);
};
const BinaryCase binary_cases[] = {
#define LW_CASE(name, Struct) {#name, Binary::name, &lw::name},
    LW_BINARY_OPS(LW_CASE)
#undef LW_CASE
};

const Shape awkward[] = {{},     {1}, {31},    {32},    {33},      {63},
                         {1000}, {0}, {3, 17}, {33, 1}, {2, 0, 3}, {3, 700}};

double tolerance(DType dtype) {
  return dtype == DType::bf16 ? 1e-2 : dtype == DType::f32 ? 4e-6 : 1e-13;
}

/// Positive numbers, which every function takes, away from kinks.
Tensor positive(const Shape& shape, DType dtype = DType::f64, uint64_t seed = 1) {
  return Random(seed).uniform(shape, 0.1, 2.3).to(dtype);
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected,
                 double allowed) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == expected[i] || (std::isnan(expected[i]) && std::isnan(got[i]))) continue;
    ASSERT_TRUE(std::abs(got[i] - expected[i]) <= allowed * std::max(1., std::abs(expected[i])))
        << "element " << i << " is " << got[i] << ", expected " << expected[i];
  }
}

TEST(Unary, AgreesWithTheReferenceInEveryDtypeAtAwkwardSizes) {
  for (const auto& [name, op, function] : unary_cases) {
    SCOPED_TRACE(name);
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      for (const Shape& shape : awkward) {
        const Tensor x = positive(shape, dtype);
        std::vector<double> expected;
        for (const double element : x.to_vector())
          expected.push_back(reference::unary(op, element));
        expect_near(function(x).value().to_vector(), expected, tolerance(dtype));
        expect_near(function(pitched(x)).value().to_vector(), expected, tolerance(dtype));
      }
    }
  }
}

TEST(Unary, HoldsAtExtremesAndLetsNaNThrough) {
  const double inf = INFINITY;
  const Tensor x = Tensor::from(
      {12}, std::vector<double>{NAN, -inf, -1e4, -100, -20, -1, 0, 1, 20, 100, 1e4, inf});
  for (const auto& [name, op, function] : unary_cases) {
    if (op == Unary::sin || op == Unary::cos) continue;
    SCOPED_TRACE(name);
    std::vector<double> expected;
    for (const double element : x.to_vector()) expected.push_back(reference::unary(op, element));
    expect_near(function(x).value().to_vector(), expected, 1e-12);
    EXPECT_TRUE(std::isnan(function(x.to(DType::f32)).value().at({0}))) << "f32";
  }
}

TEST(Unary, GradientsAgreeWithCentralDifferences) {
  for (const auto& [name, op, function] : unary_cases) {
    SCOPED_TRACE(name);
    for (const Shape& shape : {Shape{}, Shape{33}, Shape{3, 17}})
      check_gradients([f = function](const Variables& v) { return f(v[0]); }, {positive(shape)});
  }
}

TEST(Unary, GradientsOfNegativeArguments) {
  for (const auto& [name, op, function] : unary_cases) {
    const double at_minus_one = reference::unary(op, -1);
    if (std::isnan(at_minus_one) || std::isinf(at_minus_one)) continue;
    SCOPED_TRACE(name);
    const Variable x = positive({33}).to(DType::f64);
    check_gradients([f = function](const Variables& v) { return f(v[0] - 2.4); }, {x.value()});
  }
}

TEST(Unary, GradientsInF32AndBf16FollowThoseInF64) {
  for (const auto& [name, op, function] : unary_cases) {
    SCOPED_TRACE(name);
    const Tensor x = positive({5, 33}, DType::bf16), dy = positive({5, 33}, DType::bf16, 2);
    const auto gradient = [&, f = function](DType dtype) {
      const Variable leaf(pitched(x.to(dtype)), true);
      f(leaf).backward(pitched(dy.to(dtype)));
      return leaf.grad().to_vector();
    };
    const std::vector<double> exact = gradient(DType::f64);
    expect_near(gradient(DType::f32), exact, 1e-4);
    expect_near(gradient(DType::bf16), exact, 0.3);
  }
}

TEST(Unary, KnownValues) {
  const auto at = [](Variable (*f)(const Variable&), double x) {
    return f(Tensor::scalar(x, DType::f64)).value().item();
  };
  EXPECT_NEAR(at(gelu, 1), 0.84134474606854293, 1e-15);
  EXPECT_NEAR(at(gelu_tanh, 1), 0.84119199060827676, 1e-15);
  EXPECT_NEAR(at(silu, 1), 0.73105857863000490, 1e-15);
  EXPECT_NEAR(at(softplus, 0), 0.69314718055994531, 1e-15);
  EXPECT_EQ(at(softplus, 21), 21);
  EXPECT_EQ(at(softplus, -1e4), 0);
  EXPECT_NEAR(at(expm1, 1e-12), 1e-12, 1e-24);
  EXPECT_EQ(at(rsqrt, 4), 0.5);
  EXPECT_EQ(at(relu, -3), 0);
}

TEST(Clamp, HoldsWithinBounds) {
  const Variable x(Tensor::from({4}, std::vector<double>{-2, -1, 0.5, 3}), true);
  const Variable y = clamp(x, -1, 1);
  EXPECT_THAT(y.value().to_vector(), ElementsAre(-1, -1, 0.5, 1));
  y.backward(Tensor::full({4}, 1, DType::f64));
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(0, 1, 1, 0));
  EXPECT_EQ(error_of([&] { clamp(x, 1, -1); }), "clamp: expected low <= high, received 1 and -1");
}

TEST(Pow, TakesEveryBase) {
  const Tensor x = Tensor::from({4}, std::vector<double>{-2, 0, 0.5, 3});
  EXPECT_THAT(pow(x, 3).value().to_vector(), ElementsAre(-8, 0, 0.125, 27));
  for (const double exponent : {-1.5, 0.5, 1., 3.})
    check_gradients([=](const Variables& v) { return pow(v[0], exponent); }, {positive({9})});
  const Variable at(x, true);
  pow(at, 0).backward(Tensor::full({4}, 1, DType::f64));
  EXPECT_THAT(at.grad().to_vector(), ElementsAre(0, 0, 0, 0));
}

TEST(Binary, BroadcastsAsNumPyDoes) {
  const std::vector<std::pair<Shape, Shape>> pairs{{{}, {}},
                                                   {{33}, {33}},
                                                   {{33}, {}},
                                                   {{}, {2, 17}},
                                                   {{3, 33}, {33}},
                                                   {{3, 33}, {1, 33}},
                                                   {{3, 33}, {3, 1}},
                                                   {{3, 1}, {1, 33}},
                                                   {{2, 3, 4}, {3, 1}},
                                                   {{2, 1, 4}, {5, 1}},
                                                   {{0, 4}, {4}},
                                                   {{2, 9, 700}, {9, 1}},
                                                   {{2, 17000}, {17000}},
                                                   {{1, 1}, {1}},
                                                   {{4, 1, 3, 1, 2}, {5, 1, 6, 2}}};
  for (const auto& [name, op, function] : binary_cases) {
    SCOPED_TRACE(name);
    for (const auto& [shape_a, shape_b] : pairs) {
      for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
        const Tensor a = positive(shape_a, dtype), b = positive(shape_b, dtype, 2);
        if (dtype != DType::f32 && a.numel() > 1000) continue;
        const std::vector<double> expected = reference::binary(op, a, b);
        const Tensor y = function(a, b).value();
        EXPECT_EQ(y.shape(), broadcast("test", shape_a, shape_b));
        expect_near(y.to_vector(), expected, tolerance(dtype));
        expect_near(function(pitched(a), pitched(b)).value().to_vector(), expected,
                    tolerance(dtype));
      }
    }
  }
}

TEST(Binary, GradientsSumOverRepeatedAxes) {
  const std::vector<std::pair<Shape, Shape>> pairs{{{33}, {33}},        {{33}, {}},
                                                   {{3, 5}, {5}},       {{3, 5}, {3, 1}},
                                                   {{2, 3, 4}, {3, 1}}, {{2, 1, 4}, {5, 1}}};
  for (const auto& [name, op, function] : binary_cases) {
    SCOPED_TRACE(name);
    for (const auto& [a, b] : pairs) {
      const auto f = [g = function](const Variables& v) { return g(v[0], v[1]); };
      check_gradients(f, {positive(a), positive(b, DType::f64, 2)});
      check_gradients(f, {positive(b, DType::f64, 3), positive(a)});
    }
  }
}

TEST(Binary, AnUnwantedGradientIsNotComputed) {
  const Tensor a = positive({4, 5}), b = positive({5});
  for (const auto& [name, op, function] : binary_cases) {
    const Variable x(a, true), y(b, true);
    function(x, b).backward(a);
    function(a, y).backward(a);
    EXPECT_EQ(x.grad().shape(), a.shape());
    EXPECT_EQ(y.grad().shape(), b.shape());
  }
}

TEST(Binary, EqualArgumentsShareTheGradientAndNaNIsSeen) {
  const Variable a(Tensor::from({3}, std::vector<double>{1, 2, NAN}), true);
  const Variable b(Tensor::from({3}, std::vector<double>{1, NAN, 2}), true);
  const std::vector<double> larger = maximum(a, b).value().to_vector();
  const std::vector<double> smaller = minimum(a, b).value().to_vector();
  EXPECT_TRUE(std::isnan(larger[1]) && std::isnan(larger[2]));
  EXPECT_TRUE(std::isnan(smaller[1]) && std::isnan(smaller[2]));
  maximum(a, b).backward(Tensor::full({3}, 1, DType::f64));
  EXPECT_EQ(a.grad().at({0}), 0.5);
  EXPECT_EQ(b.grad().at({0}), 0.5);
}

TEST(Operators, MixVariablesAndNumbers) {
  const Variable x(Tensor::from({2}, std::vector<float>{1, 4}));
  EXPECT_THAT((x * 2.0 + 1.0).value().to_vector(), ElementsAre(3, 9));
  EXPECT_THAT((1.0 - x).value().to_vector(), ElementsAre(0, -3));
  EXPECT_THAT((2.0 / x - 0.5 * x).value().to_vector(), ElementsAre(1.5, -1.5));
  EXPECT_THAT((-x / 4.0).value().to_vector(), ElementsAre(-0.25, -1));
  EXPECT_THAT((x + x - 1.0).value().to_vector(), ElementsAre(1, 7));
  EXPECT_THAT((3.0 + x * x).value().to_vector(), ElementsAre(4, 19));
  EXPECT_EQ((x * 0.5).dtype(), DType::f32);
  check_gradients([](const Variables& v) { return (2.0 - v[0]) / (v[0] * 3.0 + 1.0); },
                  {positive({7})});
}

TEST(Elementwise, HasTheSameBitsOnAnyNumberOfThreads) {
  const Tensor x = Random(1).normal({3, 70000}), w = Random(2).normal({70000});
  expect_same_on_any_threads([&] {
    const Variable a(x, true), b(w, true);
    const Variable y = gelu(a) * b;
    y.backward(x);
    return Tensors{y.value(), a.grad(), b.grad()};
  });
}

TEST(Elementwise, SaysWhatItExpected) {
  const Variable a(Tensor::zeros({2, 3})), b(Tensor::zeros({4}));
  EXPECT_EQ(error_of([&] { a + Variable(Tensor::zeros({3}, DType::f64)); }),
            "add: expected two values of one dtype, received f32 [2, 3] and f64 [3]");
  EXPECT_THAT(error_of([&] { a* b; }), ::testing::StartsWith("mul: "));
  EXPECT_EQ(error_of([&] { exp(Tensor::zeros({2}, DType::i32)); }),
            "exp: expected dtype f32, f64 or bf16, received i32 [2]");
  if (default_device() == host) return;
  const Variable here(Tensor::zeros({2, 3}, DType::f32, host));
  EXPECT_THAT(
      error_of([&] { a + here; }),
      ::testing::EndsWith(": expected all tensors on cuda:0, where the first one is; one is "
                          "on cpu"));
}

}  // namespace
}  // namespace lw
