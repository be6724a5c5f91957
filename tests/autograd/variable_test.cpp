#include "autograd/variable.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "core/memory.h"
#include "tests/compare.h"

namespace lw {
namespace {

/// y = a x^2, elementwise: a small op to test the graph with.
Variable square(const Variable& x, double a = 1) {
  Tensor y = Tensor::empty_like(x.value());
  for (int64_t i = 0; i < y.numel(); ++i)
    y.data<double>()[i] = a * std::pow(x.value().contiguous().data<double>()[i], 2);
  return Variable::from_op("square", y, {x}, [a, x = x.value()](const Tensor& dy) {
    Tensor dx = Tensor::empty_like(x);
    for (int64_t i = 0; i < dx.numel(); ++i)
      dx.data<double>()[i] =
          2 * a * x.contiguous().data<double>()[i] * dy.contiguous().data<double>()[i];
    return Tensors{dx};
  });
}

/// Both halves of x: an op of two outputs.
Variables halves(const Variable& x) {
  const int64_t n = x.size(0) / 2;
  return Variable::from_op(
      "halves", Tensors{x.value().slice(0, 0, n).clone(), x.value().slice(0, n, 2 * n).clone()},
      {x}, [shape = x.shape(), n](const Tensors& dys) {
        Tensor dx = Tensor::zeros(shape, DType::f64);
        if (dys[0].defined()) dx.slice(0, 0, n).copy_from(dys[0]);
        if (dys[1].defined()) dx.slice(0, n, 2 * n).copy_from(dys[1]);
        return Tensors{dx};
      });
}

Variable sum(const Variable& a, const Variable& b) {
  Tensor y = a.value().clone();
  for (int64_t i = 0; i < y.numel(); ++i)
    y.data<double>()[i] += b.value().contiguous().data<double>()[i];
  return Variable::from_op("sum", y, {a, b}, [](const Tensor& dy) { return Tensors{dy, dy}; });
}

Tensor values(std::vector<double> v) { return Tensor::from({static_cast<int64_t>(v.size())}, v); }

TEST(Variable, GradientsOfSeveralPathsAddUp) {
  const Variable x(values({1, 2, 3}), true);
  const Variable y = square(x);
  sum(sum(y, y), square(y)).backward(values({1, 1, 1}));  // 2 x^2 + x^4
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{4 + 4, 8 + 32, 12 + 108}));
}

TEST(Variable, ASharedGradientIsNotWrittenInPlace) {
  const Variable x(values({1}), true), z(values({5}), true);
  const Variable y = sum(x, z);  // its gradient is given to both inputs
  sum(y, sum(x, x)).backward();
  EXPECT_EQ(x.grad().item(), 3);
  EXPECT_EQ(z.grad().item(), 1);
}

TEST(Variable, UnusedOutputsAndConstantsNeedNoGradient) {
  const Variable x(values({1, 2, 3, 4}), true);
  halves(x)[1].backward(values({10, 20}));
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{0, 0, 10, 20}));
  EXPECT_FALSE(square(Variable(values({1}))).requires_grad());
  const NoGrad no_grad;
  EXPECT_FALSE(square(x).requires_grad());
}

TEST(Variable, GradientsAccumulateOverBackwardPassesAndInBoundMemory) {
  Variable x(values({3}), true);
  Tensor flat = Tensor::empty({4}, DType::f64);  // NaN: the first pass must overwrite it
  for (int round = 0; round < 2; ++round) {
    square(x).backward();
    square(x, 10).backward();
    EXPECT_EQ(x.grad().item(), 66);
    x.clear_grad();
    EXPECT_FALSE(x.grad().defined());
    x.bind_grad(flat.slice(0, 1, 2));
  }
  EXPECT_EQ(flat.at({1}), 66);
}

TEST(Variable, ValuesThatNoGradientNamesAreFreed) {
  constexpr int64_t bytes = 1 << 20;
  const Variable x(Tensor::zeros({bytes / 8}, DType::f64), true);
  const auto chain = [&] {
    Variable y = x;
    for (int i = 0; i < 8; ++i) y = sum(y, x);
    return y;
  };
  reset_peak_memory();
  const int64_t before = memory_use().used;
  const Variable y = chain();
  EXPECT_EQ(memory_use().used, before + bytes);  // y itself
  EXPECT_EQ(memory_use().peak, before + 2 * bytes);
  y.backward(Tensor::full({bytes / 8}, 1, DType::f64));
  EXPECT_EQ(x.grad().at({0}), 9);
}

TEST(Variable, HooksRunOnceWhenTheGradientIsComplete) {
  Variable x(values({2}), true);
  std::vector<double> seen;
  x.on_gradient([&](const Tensor& grad) { seen.push_back(grad.item()); });
  sum(square(x), sum(x, x)).backward();
  EXPECT_EQ(seen, std::vector<double>{6});
}

TEST(Variable, AGraphCanBeWalkedOnce) {
  const Variable x(values({2}), true);
  const Variable y = square(x);
  y.backward();
  EXPECT_THROW(y.backward(), Error);
  EXPECT_THROW(x.detach().backward(), Error);
  EXPECT_THROW(square(Variable(values({1, 2}), true)).backward(), Error);
}

TEST(Variable, ASeedIsLikeTheValue) {
  const Variable x(values({1, 2}), true);
  EXPECT_EQ(testing::error_of([&] { square(x).backward(Tensor::full({2}, 1)); }),
            "backward: expected a gradient like the value, f64 [2], received f32 [2]");
  EXPECT_EQ(testing::error_of([&] { x.backward(Tensor::full({2}, 1)); }),
            "backward: expected a gradient like the value, f64 [2], received f32 [2]");
}

TEST(Variable, AGraphOfAnyLengthIsDropped) {
  const Variable x(values({1}), true);
  Variable sum = x;
  for (int i = 0; i < 300'000; ++i)
    sum = Variable::from_op("next", sum.value(), {sum, sum}, [](const Tensor& dy) {
      return Tensors{dy, dy};
    });
  const Variable shared = sum;
  sum = Variable();
  EXPECT_TRUE(shared.requires_grad());
}

TEST(CheckGradients, RefusesOutputsOfLessPrecision) {
  const auto forgets = [](const Variables& x) {
    return Variable::from_op("forgets", x[0].value().to(DType::f32), {x[0]},
                             [](const Tensor& dy) { return Tensors{dy.to(DType::f64)}; });
  };
  EXPECT_EQ(testing::error_of([&] { check_gradients(forgets, {values({1})}); }),
            "check_gradients: output 0 is f32, expected the precision of the inputs, f64 or c128");
}

TEST(CheckGradients, AcceptsARightGradientAndNamesAWrongOne) {
  EXPECT_LT(check_gradients([](const Variables& x) { return sum(square(x[0]), x[1]); },
                            {values({1, 2}), values({3, 4})}),
            1e-9);
  EXPECT_LT(
      check_gradients([](const Variables& x) { return halves(x[0]); }, {values({1, 2, 3, 4})}),
      1e-9);
  const auto wrong = [](const Variables& x) {
    return Variable::from_op("wrong", square(x[0]).value(), {x[0]},
                             [](const Tensor& dy) { return Tensors{dy}; });
  };
  try {
    check_gradients(wrong, {values({1, 2, 3})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(
        std::string(error.what())
            .starts_with("gradient of input 0 disagrees with finite differences\n  analytic "));
  }
}

TEST(Training, GuardsNest) {
  EXPECT_EQ(Training::current(), nullptr);
  {
    const Training outer(7, 32);
    EXPECT_EQ(Training::current()->step(), 7u);
    { const Training inner(8); }
    EXPECT_EQ(Training::current()->first_sample(), 32);
  }
  EXPECT_EQ(Training::current(), nullptr);
}

}  // namespace
}  // namespace lw
