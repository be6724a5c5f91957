#include "autograd/ops/long_conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/parallel.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/reference/long_conv.h"

namespace lw {
namespace {

using testing::pitched;
using testing::random_resets;

struct Case {
  int64_t batch, time, channels, taps;
};

Tensor noise(const Shape& shape, DType dtype, uint64_t seed) {
  return Random(seed).normal(shape, 0, 1, dtype);
}

kernels::LongConv arguments(const Case& c, DType dtype) {
  return {noise({c.batch, c.time, c.channels}, dtype, 1), noise({c.channels, c.taps}, dtype, 2)};
}

/// The largest difference, relative to the largest expected value.
double error(const Tensor& received, const std::vector<double>& expected) {
  const std::vector<double> values = received.to_vector();
  EXPECT_EQ(values.size(), expected.size());
  double difference = 0, largest = 1e-300;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(values[i])) return HUGE_VAL;
    difference = std::max(difference, std::abs(values[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return difference / largest;
}

void expect_agreement(const kernels::LongConv& in, double tolerance) {
  const Tensor dy = pitched(noise(in.u.shape(), in.u.dtype(), 5));
  const reference::LongConv expected = reference::long_conv(in, dy);
  Tensor wide = Tensor::full(in.u.shape().with(-1, in.u.size(-1) + 3), -7, in.u.dtype());
  Tensor y = wide.slice(-1, 1, 1 + in.u.size(-1));
  kernels::long_conv_forward(in, y);
  kernels::LongConvGradients d{Tensor::empty_like(in.u), Tensor::empty_like(in.k),
                               Tensor::empty(in.u.shape().without(0).without(0), in.u.dtype())};
  kernels::long_conv_backward(in, dy, d);
  EXPECT_LE(error(y, expected.y), tolerance);
  EXPECT_LE(error(d.u, expected.du), tolerance);
  EXPECT_LE(error(d.k, expected.dk), tolerance);
  EXPECT_LE(error(d.D, expected.dD), tolerance * 10);  // next to the other lags it may be small
  for (const int64_t margin : {int64_t{0}, in.u.size(-1) + 1})
    for (const double v : wide.slice(-1, margin, margin + 1).to_vector()) ASSERT_EQ(v, -7);
}

double tolerance_of(DType dtype) { return dtype == DType::f32 ? 2e-6 : 1e-13; }

TEST(LongConv, AgreesWithTheReferenceAtAwkwardLengths) {
  for (const int64_t time : {1, 2, 3, 5, 7, 31, 64, 97, 100, 784, 1000})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool reverse : {false, true}) {
        SCOPED_TRACE(str(dtype, " time ", time, reverse ? " reverse" : ""));
        kernels::LongConv in = arguments({2, time, 3, time}, dtype);
        in.reverse = reverse;
        expect_agreement(in, tolerance_of(dtype));
      }
}

TEST(LongConv, TakesAnyNumberOfTapsChannelsAndRows) {
  for (const Case& c : {Case{1, 50, 1, 1},
                        {3, 50, 17, 13},
                        {2, 50, 33, 77},
                        {9, 10, 31, 10},
                        {33, 6, 8, 9},
                        {600, 6, 8, 9},
                        {0, 6, 8, 9},
                        {2, 0, 3, 4},
                        {2, 4, 0, 4}})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool reverse : {false, true}) {
        SCOPED_TRACE(str(c.batch, " ", c.time, " ", c.channels, " ", c.taps));
        kernels::LongConv in = arguments(c, dtype);
        in.u = pitched(in.u);
        in.k = pitched(in.k);
        in.D = noise({c.channels}, dtype, 3);
        in.reverse = reverse;
        expect_agreement(in, tolerance_of(dtype));
      }
}

TEST(LongConv, ConvolvesEachDocumentByItself) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const bool reverse : {false, true}) {
      kernels::LongConv in = arguments({3, 150, 18, 60}, dtype);
      in.D = noise({18}, dtype, 3);
      in.resets = random_resets(3, 150, 12);
      in.reverse = reverse;
      expect_agreement(in, tolerance_of(dtype));
    }
}

TEST(LongConv, PackedDocumentsEqualSeparateOnes) {
  const kernels::LongConv in = arguments({1, 200, 19, 200}, DType::f32);
  const std::vector<int64_t> starts{0, 1, 3, 8, 140, 198, 200};
  std::vector<uint8_t> marks(200);
  for (size_t i = 1; i + 1 < starts.size(); ++i) marks[static_cast<size_t>(starts[i])] = 1;
  const Tensor resets = Tensor::from({1, 200}, marks);
  Tensor u = in.u.clone();
  u.slice(1, 8, 140).fill(NAN);  // must not reach another document
  const Tensor dy = noise(u.shape(), DType::f32, 5);
  for (const bool reverse : {false, true}) {
    const Variable packed_u(u, true);
    const Variable packed = long_conv(packed_u, in.k, {}, {.reverse = reverse, .resets = resets});
    packed.backward(dy);
    for (size_t i = 0; i + 1 < starts.size(); ++i) {
      if (starts[i] == 8) continue;
      const auto cut = [&](const Tensor& t) { return t.slice(1, starts[i], starts[i + 1]); };
      const Variable alone_u(cut(u), true);
      const Variable alone = long_conv(alone_u, in.k, {}, {.reverse = reverse});
      alone.backward(cut(dy));
      EXPECT_EQ(cut(packed.value()).to_vector(), alone.value().to_vector());
      EXPECT_EQ(cut(packed_u.grad()).to_vector(), alone_u.grad().to_vector());
    }
  }
}

TEST(LongConv, GradientsAgreeWithCentralDifferences) {
  for (const Case& c : {Case{2, 1, 3, 1}, Case{2, 7, 3, 7}, Case{1, 31, 2, 40}, Case{5, 12, 9, 4}})
    for (const bool reverse : {false, true})
      for (const bool packed : {false, true}) {
        const kernels::LongConv in = arguments(c, DType::f64);
        const Tensor resets = packed ? random_resets(c.batch, c.time, 5) : Tensor();
        const auto f = [&](const Variables& v) {
          return long_conv(v[0], v[1], v[2], {.reverse = reverse, .resets = resets});
        };
        check_gradients(f, {in.u, in.k, noise({c.channels}, DType::f64, 3)});
        check_gradients(f, {in.u, in.k, Tensor()});
      }
}

TEST(LongConv, GradientTakesPitchedInputs) {
  const auto f = [](const Variables& v) {
    const auto [before, u, after] = split<3>(v[0], {2, 5, 1});
    return concat({long_conv(u, v[1]), after});
  };
  check_gradients(f, {noise({2, 6, 8}, DType::f64, 1), noise({5, 4}, DType::f64, 2)});
}

TEST(LongConv, ComputesOnlyTheGradientsAskedFor) {
  const kernels::LongConv in = arguments({3, 40, 5, 40}, DType::f32);
  const Tensor dy = noise(in.u.shape(), DType::f32, 5);
  const Variable u(in.u, true), k(in.k, true), D(noise({5}, DType::f32, 3), true);
  long_conv(u, k, D).backward(dy);
  const Variable only_u(in.u, true), only_k(in.k, true), only_D(D.value(), true);
  long_conv(only_u, in.k, D.value()).backward(dy);
  long_conv(in.u, only_k, D.value()).backward(dy);
  long_conv(in.u, in.k, only_D).backward(dy);
  EXPECT_EQ(only_u.grad().to_vector(), u.grad().to_vector());
  EXPECT_LE(error(only_k.grad(), k.grad().to_vector()), 1e-6);
  EXPECT_LE(error(only_D.grad(), D.grad().to_vector()), 1e-6);
}

TEST(LongConv, LeaksFromTheFutureNoMoreThanRounding) {
  const int64_t time = 784, cut = 400;
  for (const DType dtype : {DType::f32, DType::f64}) {
    const kernels::LongConv in = arguments({1, time, 4, time}, dtype);
    const Variable k(in.k);
    Tensor changed = in.u.clone();
    changed.slice(1, cut, time).copy_from(noise({1, time - cut, 4}, dtype, 7));
    const auto past = [&](const Tensor& u) {
      return long_conv(u, k).value().slice(1, 0, cut).to_vector();
    };
    const std::vector<double> before = past(in.u), after = past(changed);
    const std::vector<double> y = long_conv(in.u, k).value().to_vector();
    double leak = 0, largest = 0;
    for (size_t i = 0; i < before.size(); ++i)
      leak = std::max(leak, std::abs(before[i] - after[i]));
    for (const double v : y) largest = std::max(largest, std::abs(v));
    EXPECT_LE(leak / largest, dtype == DType::f32 ? 1e-6 : 1e-14);
  }
}

// Beyond what the shared memory of a GPU holds, forward and backward.
TEST(LongConv, AgreesWithTheReferenceAtGreatLengths) {
  for (const bool packed : {false, true}) {
    kernels::LongConv in = arguments({2, 13000, 3, 20}, DType::f64);
    if (packed) in.resets = random_resets(2, 13000, 9000);
    expect_agreement(in, tolerance_of(DType::f64));
  }
}

TEST(LongConv, AFarTapOfALongSequenceIsExactlyInPlace) {
  const int64_t time = 65537;
  std::vector<double> inputs(time), taps(time);
  inputs[1000] = 2;
  taps[60000] = 3;
  taps[65000] = 5;  // falls beyond the end
  const Tensor u = Tensor::from({1, time, 1}, inputs), k = Tensor::from({1, time}, taps);
  const std::vector<double> y = long_conv(u, k).value().to_vector();
  for (int64_t t = 0; t < time; ++t)
    ASSERT_NEAR(y[static_cast<size_t>(t)], t == 61000 ? 6 : 0, 1e-13) << t;
}

TEST(LongConv, HasTheSameBitsOnAnyNumberOfThreads) {
  const int before = num_threads();
  for (const bool packed : {false, true}) {
    const kernels::LongConv in = arguments({13, 90, 37, 90}, DType::f32);
    const Tensor resets = packed ? random_resets(13, 90, 30) : Tensor();
    std::vector<std::vector<double>> first;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const Variable u(in.u, true), k(in.k, true), D(noise({37}, DType::f32, 3), true);
      const Variable y = long_conv(u, k, D, {.resets = resets});
      y.backward(noise(y.shape(), DType::f32, 5));
      const std::vector<std::vector<double>> bits{y.value().to_vector(), u.grad().to_vector(),
                                                  k.grad().to_vector(), D.grad().to_vector()};
      if (first.empty()) first = bits;
      EXPECT_EQ(bits, first) << threads;
    }
  }
  set_num_threads(before);
}

TEST(LongConv, RefusesAKernelOfOtherChannels) {
  try {
    long_conv(Tensor::zeros({2, 8, 4}), Tensor::zeros({3, 8}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "long_conv: axis `channel` of `k` is 3, expected 4\n"
                 "  expected  k [channel, taps] = [4, 8]\n"
                 "  received  k                 = [3, 8]\n"
                 "  because   u [batch, time, channel] = [2, 8, 4]");
  }
}

}  // namespace
}  // namespace lw
