#include "autograd/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/memory.h"
#include "core/random.h"

namespace lw {
namespace {

/// y = sin(a x) for one number a: an op with a gradient for both arguments that keeps its input.
Variable sine(const Variable& x, const Variable& a) {
  const Tensor in = x.value().contiguous();
  const double scale = a.value().item();
  Tensor y = Tensor::empty_like(in);
  for (int64_t i = 0; i < y.numel(); ++i)
    y.data<double>()[i] = std::sin(scale * in.data<double>()[i]);
  return Variable::from_op("sine", y, {x, a}, [in, scale](const Tensor& grad) {
    const Tensor dy = grad.contiguous();
    Tensor dx = Tensor::empty_like(in), da = Tensor::zeros({1}, DType::f64);
    for (int64_t i = 0; i < in.numel(); ++i) {
      const double slope = std::cos(scale * in.data<double>()[i]) * dy.data<double>()[i];
      dx.data<double>()[i] = slope * scale;
      da.data<double>()[0] += slope * in.data<double>()[i];
    }
    return Tensors{dx, da};
  });
}

/// Multiplies by the number of the training step, or by 1 outside training: stands for dropout.
Variable scaled_by_step(const Variable& x) {
  const double scale = Training::current() ? static_cast<double>(Training::current()->step()) : 1;
  return sine(x, Variable(Tensor::full({1}, scale, DType::f64)));
}

Tensor noise(const Shape& shape) { return Random(3).normal(shape, 0, 1, DType::f64); }

/// Two outputs of one input and a captured parameter.
Variables block(const Variables& x, const Variable& a) {
  const Variable y = scaled_by_step(sine(sine(x[0], a), a));
  return split(y, {1, y.size(-1) - 1});
}

using Runner =
    std::function<Variables(const std::function<Variables(const Variables&)>&, const Variables&)>;
Variables plain(const std::function<Variables(const Variables&)>& f, const Variables& x) {
  return f(x);
}
Variables kept_inputs(const std::function<Variables(const Variables&)>& f, const Variables& x) {
  return checkpoint(f, x);
}

/// Gradients of a chain of three blocks, all of whose outputs are used.
std::vector<std::vector<double>> gradients(const Runner& run) {
  const Variable x(noise({4, 5}), true), a(Tensor::full({1}, 0.7, DType::f64), true);
  Variable y;
  {
    const Training training(/*step=*/3);
    y = x;
    for (int i = 0; i < 3; ++i)
      y = concat(run([&a](const Variables& v) { return block(v, a); }, {y}));
  }
  y.backward(noise({4, 5}));
  return {y.value().to_vector(), x.grad().to_vector(), a.grad().to_vector()};
}

TEST(Checkpoint, HasTheBitsOfThePlainRun) {
  EXPECT_EQ(gradients(&kept_inputs), gradients(&plain));
  const Training other(/*step=*/9);  // the guard of the backward pass does not matter
  EXPECT_EQ(gradients(&kept_inputs), gradients(&plain));
}

TEST(Checkpoint, Nests) {
  const Runner twice = [](const auto& f, const Variables& x) {
    return checkpoint([f](const Variables& v) { return checkpoint(f, v); }, x);
  };
  EXPECT_EQ(gradients(twice), gradients(&plain));
}

TEST(Checkpoint, AgreesWithFiniteDifferences) {
  check_gradients(
      [](const Variables& v) {
        return checkpoint(
            [](const Variables& x) {
              return Variables{sine(x[0], x[1]), sine(x[0], x[1])};
            },
            v);
      },
      {noise({3, 4}), Tensor::full({1}, 0.9)});
}

TEST(Checkpoint, UnusedOutputsAndAbsentInputsAreNoObstacle) {
  const Variable x(noise({2, 3}), true), a(Tensor::full({1}, 2, DType::f64), true);
  const auto f = [&a](const Variables& v) {
    EXPECT_FALSE(v[1].defined());
    return block(v, a);
  };
  checkpoint(f, {x, Variable()})[1].backward(noise({2, 2}));
  EXPECT_TRUE(x.grad().defined());
}

TEST(Checkpoint, ReachesParametersWhenNoInputNeedsAGradient) {
  const Variable a(Tensor::full({1}, 2, DType::f64), true);
  const Variable y =
      checkpoint([&](const Variable& x) { return sine(x, a); }, Variable(noise({1})));
  y.backward();
  EXPECT_DOUBLE_EQ(a.grad().item(), std::cos(2 * noise({1}).item()) * noise({1}).item());
}

TEST(Checkpoint, UnderNoGradIsTheFunctionItself) {
  const NoGrad no_grad;
  const Variable x(noise({1}), true);
  EXPECT_FALSE(checkpoint([](const Variable& v) { return scaled_by_step(v); }, x).requires_grad());
}

TEST(Checkpoint, NeedsLessMemory) {
  constexpr int blocks = 8, depth = 8;
  const int64_t bytes = 1 << 16;
  const auto peak = [&](const Runner& run) {
    const Variable x(noise({bytes / 8}), true), a(Tensor::full({1}, 0.5, DType::f64), true);
    reset_peak_memory();
    const int64_t before = memory_use().used;
    Variable y = x;
    for (int i = 0; i < blocks; ++i) {
      const auto f = [&a](const Variables& v) {
        Variable z = v[0];
        for (int k = 0; k < depth; ++k) z = sine(z, a);
        return Variables{z};
      };
      y = run(f, {y})[0];
    }
    y.backward(noise({bytes / 8}));
    return memory_use().peak - before;
  };
  EXPECT_GE(peak(&plain), blocks * depth * bytes);
  EXPECT_LE(peak(&kept_inputs), (blocks + depth + 8) * bytes);
}

}  // namespace
}  // namespace lw
