#include "autograd/ops/causal_conv1d.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/parallel.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/reference/causal_conv1d.h"

namespace lw {
namespace {

using testing::pitched;
using testing::random_resets;

struct Case {
  int64_t batch, time, channels, width;
};

Tensor noise(const Shape& shape, DType dtype, uint64_t seed) {
  return Random(seed).normal(shape, 0, 1, dtype);
}

kernels::CausalConv1d arguments(const Case& c, DType dtype, bool all) {
  kernels::CausalConv1d in{noise({c.batch, c.time, c.channels}, dtype, 1),
                           noise({c.channels, c.width}, dtype, 2)};
  in.silu = all;
  if (all) {
    in.bias = noise({c.channels}, dtype, 3);
    in.state = noise({c.batch, c.width - 1, c.channels}, dtype, 4);
    in.resets = random_resets(c.batch, c.time, 6);
  }
  return in;
}

void expect_near(const std::vector<double>& received, const std::vector<double>& expected,
                 double tolerance) {
  ASSERT_EQ(received.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(received[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "at " << i;
}

const std::vector<Case> cases{{1, 1, 1, 1},    {2, 5, 31, 4},   {1, 2, 33, 4},  {3, 130, 16, 3},
                              {2, 257, 17, 2}, {1, 1000, 3, 4}, {2, 63, 64, 7}, {1, 150, 5, 140},
                              {2, 0, 3, 4},    {0, 4, 3, 4},    {1, 3, 1, 5}};

TEST(CausalConv1d, AgreesWithTheReference) {
  for (const Case& c : cases)
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool all : {false, true}) {
        SCOPED_TRACE(str(dtype, " ", c.batch, " ", c.time, " ", c.channels, " ", c.width));
        kernels::CausalConv1d in = arguments(c, dtype, all);
        const reference::CausalConv1d expected = reference::causal_conv1d(in);
        Tensor wide = Tensor::full({c.batch, c.time, c.channels + 3}, -7, dtype);
        Tensor y = wide.slice(-1, 1, 1 + c.channels);
        Tensor state = Tensor::empty({c.batch, c.width - 1, c.channels}, dtype);
        in.x = pitched(in.x);
        if (all) in.state = pitched(in.state);
        kernels::causal_conv1d_forward(in, y, state);
        const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-13;
        expect_near(y.to_vector(), expected.y, tolerance);
        EXPECT_EQ(state.to_vector(), expected.state);
        for (const double v : wide.slice(-1, 0, 1).to_vector()) EXPECT_EQ(v, -7);
        for (const double v : wide.slice(-1, 1 + c.channels, 3 + c.channels).to_vector())
          EXPECT_EQ(v, -7);
      }
}

TEST(CausalConv1d, GradientsAgreeWithCentralDifferences) {
  for (const Case& c : {Case{2, 5, 3, 4}, Case{1, 2, 17, 4}, Case{1, 140, 2, 3}, Case{2, 9, 2, 1},
                        Case{1, 131, 3, 6}, Case{1, 7, 2, 2}})
    for (const bool all : {false, true}) {
      SCOPED_TRACE(str(c.batch, " ", c.time, " ", c.channels, " ", c.width, " ", all));
      const kernels::CausalConv1d in = arguments(c, DType::f64, all);
      const auto f = [&](const Variables& v) {
        const CausalConv1dResult r =
            causal_conv1d(v[0], v[1], v[2], {.silu = all, .state = v[3], .resets = in.resets});
        return Variables{r.y, r.state};
      };
      check_gradients(f, {in.x, in.weight, in.bias, in.state});
    }
}

TEST(CausalConv1d, GradientTakesPitchedInputs) {
  const auto f = [](const Variables& v) {
    const auto [before, x, after] = split<3>(v[0], {2, 5, 1});
    return concat({causal_conv1d(x, v[1], v[2], {.silu = true}).y, after});
  };
  check_gradients(f, {noise({2, 6, 8}, DType::f64, 1), noise({5, 4}, DType::f64, 2),
                      noise({5}, DType::f64, 3)});
}

TEST(CausalConv1d, ChunksHandTheStateOnExactly) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const kernels::CausalConv1d in = arguments({2, 300, 33, 4}, dtype, true);
    const Variable w(in.weight), bias(in.bias);
    const CausalConv1dResult whole =
        causal_conv1d(in.x, w, bias, {.silu = true, .state = in.state, .resets = in.resets});
    for (const std::vector<int64_t>& sizes :
         {std::vector<int64_t>{1, 299}, {299, 1}, {2, 1, 1, 1, 130, 165}}) {
      Variable state = in.state;
      Variables parts;
      int64_t begin = 0;
      for (const int64_t size : sizes) {
        const auto cut = [&](const Tensor& t) { return t.slice(1, begin, begin + size); };
        const CausalConv1dResult r = causal_conv1d(
            cut(in.x), w, bias, {.silu = true, .state = state, .resets = cut(in.resets)});
        parts.push_back(r.y);
        state = r.state;
        begin += size;
      }
      EXPECT_EQ(concat(parts, 1).value().to_vector(), whole.y.value().to_vector());
      EXPECT_EQ(state.value().to_vector(), whole.state.value().to_vector());
    }
  }
}

TEST(CausalConv1d, PackedDocumentsEqualSeparateOnes) {
  const kernels::CausalConv1d in = arguments({1, 200, 19, 4}, DType::f32, true);
  const std::vector<int64_t> starts{0, 1, 3, 8, 140, 198, 200};
  Tensor resets = Tensor::zeros({1, 200}, DType::u8);
  for (size_t i = 0; i + 1 < starts.size(); ++i) resets.slice(1, starts[i], starts[i] + 1).fill(1);
  Tensor x = in.x.clone();
  x.slice(1, 8, 140).fill(NAN);  // must not reach another document

  const Variable packed_x(x, true), w(in.weight), bias(in.bias);
  const CausalConv1dResult packed =
      causal_conv1d(packed_x, w, bias, {.silu = true, .resets = resets});
  const Tensor dy = noise(x.shape(), DType::f32, 5);
  packed.y.backward(dy);
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    if (starts[i] == 8) continue;
    const auto cut = [&](const Tensor& t) { return t.slice(1, starts[i], starts[i + 1]); };
    const Variable alone_x(cut(x), true);
    const CausalConv1dResult alone = causal_conv1d(alone_x, w, bias, {.silu = true});
    alone.y.backward(cut(dy));
    EXPECT_EQ(cut(packed.y.value()).to_vector(), alone.y.value().to_vector());
    EXPECT_EQ(cut(packed_x.grad()).to_vector(), alone_x.grad().to_vector());
    if (starts[i + 1] == 200) {
      EXPECT_EQ(packed.state.value().to_vector(), alone.state.value().to_vector());
    }
  }
}

TEST(CausalConv1d, HasTheSameBitsOnAnyNumberOfThreads) {
  const int before = num_threads();
  const kernels::CausalConv1d in = arguments({3, 400, 37, 4}, DType::f32, true);
  std::vector<std::vector<double>> first;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    const Variable x(in.x, true), w(in.weight, true), bias(in.bias, true), state(in.state, true);
    const Variable y = causal_conv1d(x, w, bias, {.silu = true, .state = state}).y;
    y.backward(noise(y.shape(), DType::f32, 5));
    const std::vector<std::vector<double>> bits{y.value().to_vector(), x.grad().to_vector(),
                                                w.grad().to_vector(), bias.grad().to_vector(),
                                                state.grad().to_vector()};
    if (first.empty()) first = bits;
    EXPECT_EQ(bits, first) << threads;
  }
  set_num_threads(before);
}

TEST(CausalConv1d, RefusesAStateOfAnotherWidth) {
  const kernels::CausalConv1d in = arguments({2, 5, 3, 4}, DType::f32, true);
  try {
    causal_conv1d(in.x, in.weight, in.bias, {.state = Tensor::zeros({2, 4, 3})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "causal_conv1d: axis `width - 1` of `state` is 4, expected 3\n"
                 "  expected  state [batch, width - 1, channel] = [2, 3, 3]\n"
                 "  received  state                             = [2, 4, 3]\n"
                 "  because   one less than the width of `weight`");
  }
}

}  // namespace
}  // namespace lw
