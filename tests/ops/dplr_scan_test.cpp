#include "autograd/ops/dplr_scan.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/long_conv.h"
#include "autograd/ops/s4_kernel.h"
#include "autograd/ops/s4_readout.h"
#include "autograd/ops/shape.h"
#include "layers/hippo.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/dplr_scan.h"

namespace lw {
namespace {

using reference::complex_noise;
using testing::pitched;
using testing::random_resets;
using testing::same_bits;

struct Case {
  int64_t batch, time, channels, states, rank;
};

kernels::DplrScan arguments(const Case& c, DType dtype, bool all) {
  kernels::DplrScan in{Random(5).normal({c.batch, c.time, c.channels}, 0, 1, dtype),
                       reference::steps(c.channels, dtype),
                       reference::stable_poles(c.channels, c.states, dtype, 1)};
  if (c.rank > 0) in.P = complex_noise({c.rank, c.channels, c.states}, dtype, 2);
  in.B = complex_noise({c.channels, c.states}, dtype, 3);
  in.C = complex_noise({c.channels, c.states}, dtype, 4);
  if (all) {
    in.state = complex_noise({c.batch, c.channels, c.states}, dtype, 6);
    in.resets = random_resets(c.batch, c.time, 20);
  }
  return in;
}

DplrScanResult scan(const kernels::DplrScan& in) {
  const auto variable = [](const Tensor& t) { return t ? Variable(t) : Variable(); };
  return dplr_scan(in.u, in.dt, in.lambda, variable(in.P), in.B, in.C,
                   {.state = variable(in.state), .resets = in.resets, .intervals = in.intervals});
}

/// The same at irregular times.
kernels::DplrScan irregular(const Case& c, DType dtype, bool all) {
  kernels::DplrScan in = arguments(c, dtype, all);
  in.intervals = Random(8).uniform({c.batch, c.time}, 0.1, 3, dtype);
  return in;
}

/// Real and imaginary parts, one after another.
Tensor parts(const Tensor& z) {
  const Tensor wide = z.to(host).to(DType::c128).contiguous();
  Tensor result = Tensor::empty(z.shape().inserted(z.rank(), 2), DType::f64, host);
  std::memcpy(result.raw(), wide.raw(), static_cast<size_t>(wide.bytes()));
  return result;
}

TEST(DplrScan, AgreesWithTheDenseRecurrence) {
  for (const Case& c :
       {Case{1, 1, 1, 1, 1}, Case{2, 5, 9, 3, 2}, Case{1, 31, 33, 2, 0}, Case{3, 32, 3, 4, 1},
        Case{1, 33, 17, 2, 2}, Case{1, 130, 3, 4, 1}, Case{2, 0, 3, 2, 1}, Case{0, 4, 3, 2, 1},
        Case{1, 40, 2, 33, 1}, Case{1, 5, 1, 70, 2}})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool all : {false, true}) {
        SCOPED_TRACE(str(dtype, " ", c.time, " ", c.channels, " ", c.rank, " ", all));
        kernels::DplrScan in = arguments(c, dtype, all);
        const reference::DplrScan expected = reference::dplr_scan(in);
        for (Tensor* t : {&in.u, &in.lambda, &in.P, &in.B, &in.C, &in.state}) *t = pitched(*t);
        const auto [y, state] = scan(in);
        const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-12;
        testing::expect_close(y.value(), expected.y, tolerance);
        testing::expect_close(parts(state.value()), parts(expected.state), tolerance);
      }
}

TEST(DplrScan, GradientsAgreeWithCentralDifferences) {
  for (const Case& c : {Case{2, 5, 3, 4, 0}, Case{2, 5, 3, 4, 1}, Case{2, 5, 3, 4, 2},
                        Case{1, 70, 2, 3, 1}, Case{1, 40, 9, 2, 2}, Case{1, 1, 2, 2, 1},
                        Case{2, 0, 2, 1, 1}, Case{1, 3, 1, 33, 1}, Case{1, 3, 1, 65, 1}})
    for (const bool all : {false, true}) {
      SCOPED_TRACE(str(c.batch, " ", c.time, " ", c.channels, " ", c.rank, " ", all));
      const kernels::DplrScan in = arguments(c, DType::f64, all);
      const auto f = [&](const Variables& v) {
        const auto [y, state] =
            dplr_scan(v[0], v[1], v[2], v[3], v[4], v[5], {.state = v[6], .resets = in.resets});
        return Variables{y, state};
      };
      // fast modes of a large state bend within the smallest dt
      check_gradients(f, {in.u, in.dt, in.lambda, in.P, in.B, in.C, in.state},
                      {.step = c.states > 32 ? 1e-7 : 3e-7});
    }
}

TEST(DplrScan, AtIrregularTimesAgreesWithTheDenseRecurrence) {
  for (const Case& c : {Case{1, 1, 1, 1, 1}, Case{2, 5, 9, 3, 2}, Case{1, 31, 33, 2, 0},
                        Case{1, 70, 3, 4, 1}, Case{2, 0, 3, 2, 1}, Case{1, 3, 2, 33, 1}})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool all : {false, true}) {
        SCOPED_TRACE(str(dtype, " ", c.time, " ", c.channels, " ", c.rank, " ", all));
        kernels::DplrScan in = irregular(c, dtype, all);
        const reference::DplrScan expected = reference::dplr_scan(in);
        for (Tensor* t : {&in.u, &in.lambda, &in.P, &in.B, &in.C, &in.state, &in.intervals})
          *t = pitched(*t);
        const auto [y, state] = scan(in);
        const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-12;
        testing::expect_close(y.value(), expected.y, tolerance);
        testing::expect_close(parts(state.value()), parts(expected.state), tolerance);
      }
}

TEST(DplrScan, AtIrregularTimesGradientsAgreeWithCentralDifferences) {
  for (const Case& c : {Case{2, 5, 3, 4, 0}, Case{2, 5, 3, 4, 1}, Case{2, 5, 3, 4, 2},
                        Case{1, 40, 9, 2, 2}, Case{1, 70, 2, 3, 1}, Case{1, 1, 2, 2, 1}})
    for (const bool all : {false, true}) {
      SCOPED_TRACE(str(c.batch, " ", c.time, " ", c.channels, " ", c.rank, " ", all));
      const kernels::DplrScan in = irregular(c, DType::f64, all);
      const auto f = [&](const Variables& v) {
        const auto [y, state] =
            dplr_scan(v[0], v[1], v[2], v[3], v[4], v[5],
                      {.state = v[6], .resets = in.resets, .intervals = in.intervals});
        return Variables{y, state};
      };
      check_gradients(f, {in.u, in.dt, in.lambda, in.P, in.B, in.C, in.state}, {.step = 3e-7});
    }
}

TEST(DplrScan, EqualIntervalsAreALongerStep) {
  for (const int64_t rank : {0, 1, 2}) {
    kernels::DplrScan in = irregular({2, 50, 5, 4, rank}, DType::f64, true);
    in.intervals.fill(2);
    const auto [y, state] = scan(in);
    in.dt = (Variable(in.dt) * 2).value();
    in.intervals = {};
    const auto [expected, last] = scan(in);
    testing::expect_close(y.value(), expected.value(), 1e-12);
    testing::expect_close(parts(state.value()), parts(last.value()), 1e-12);
  }
}

TEST(DplrScan, IsTheConvolutionWithItsKernel) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const char* measure : {"legs", "legt", "lagt"}) {
      SCOPED_TRACE(str(measure, " ", dtype));
      constexpr int64_t channels = 3, N = 16, time = 101, length = 108;
      const Nplr model = nplr(measure, N);
      const DType complex = complex_of(dtype);
      kernels::DplrScan in = arguments({2, time, channels, N / 2, model.rank}, dtype, false);
      const auto repeated = [&](const complex128* values) {
        std::vector<complex128> rows;
        for (int64_t h = 0; h < channels; ++h) rows.insert(rows.end(), values, values + N / 2);
        return Tensor::from({channels, N / 2}, rows).to(complex);
      };
      std::vector<complex128> lambda = model.lambda;
      for (complex128& l : lambda) l = {std::min(l.real(), -1e-4), l.imag()};
      in.lambda = repeated(lambda.data());
      in.B = repeated(model.B.data());
      for (int64_t r = 0; r < model.rank; ++r)
        in.P.select(0, r).copy_from(repeated(model.P.data() + r * N / 2));
      const Variable Ct = s4_truncated_readout(in.dt, in.lambda, in.P, in.C, length);
      const Variable K =
          s4_kernel(in.dt, in.lambda, in.P, in.B, Ct, {.time = time, .length = length});
      testing::expect_close(scan(in).y.value(), long_conv(in.u, K).value(),
                            dtype == DType::f32 ? 2e-5 : 1e-11);
    }
}

TEST(DplrScan, ChunksAndStepsHandTheStateOn) {
  const kernels::DplrScan in = arguments({2, 70, 5, 3, 1}, DType::f64, true);
  const DplrScanResult whole = scan(in);
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{1, 69}, {31, 33, 6}, std::vector<int64_t>(70, 1)}) {
    kernels::DplrScan part = in;
    Variables ys;
    int64_t begin = 0;
    for (const int64_t size : sizes) {
      part.u = in.u.slice(1, begin, begin + size);
      part.resets = in.resets.slice(1, begin, begin + size);
      const auto [y, state] = scan(part);
      ys.push_back(y);
      part.state = state.value();
      begin += size;
    }
    testing::expect_close(concat(ys, 1).value(), whole.y.value(), 1e-12);
    testing::expect_close(parts(part.state), parts(whole.state.value()), 1e-12);
  }
}

TEST(DplrScan, PackedDocumentsEqualSeparateOnes) {
  const kernels::DplrScan in = arguments({1, 100, 5, 4, 1}, DType::f32, false);
  const std::vector<int64_t> starts{0, 1, 3, 40, 70, 100};
  std::vector<uint8_t> marks(100);
  for (size_t i = 0; i + 1 < starts.size(); ++i) marks[static_cast<size_t>(starts[i])] = 1;
  const Tensor resets = Tensor::from({1, 100}, marks);
  Tensor u = in.u.clone();
  u.slice(1, 3, 40).fill(NAN);  // must not reach another document

  const Variable packed_u(u, true), state(complex_noise({1, 5, 4}, DType::f32, 6), true);
  const auto packed =
      dplr_scan(packed_u, in.dt, in.lambda, in.P, in.B, in.C, {.state = state, .resets = resets});
  const Tensor dy = Random(7).normal(u.shape());
  packed.y.backward(dy);
  for (const double g : parts(state.grad()).to_vector()) EXPECT_EQ(g, 0);
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    if (starts[i] == 3) continue;
    const auto cut = [&](const Tensor& t) { return t.slice(1, starts[i], starts[i + 1]); };
    const Variable alone_u(cut(u), true);
    const auto alone = dplr_scan(alone_u, in.dt, in.lambda, in.P, in.B, in.C);
    alone.y.backward(cut(dy));
    EXPECT_TRUE(same_bits(cut(packed.y.value()), alone.y.value()));
    EXPECT_TRUE(same_bits(cut(packed_u.grad()), alone_u.grad()));
  }
}

TEST(DplrScan, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const bool regular : {true, false}) {
    kernels::DplrScan in = irregular({3, 40, 37, 4, 2}, DType::f32, true);
    if (regular) in.intervals = {};
    testing::expect_same_on_any_threads([&] {
      Variables v;
      for (const Tensor& t : {in.u, in.dt, in.lambda, in.P, in.B, in.C, in.state})
        v.emplace_back(t, true);
      const auto [y, state] =
          dplr_scan(v[0], v[1], v[2], v[3], v[4], v[5],
                    {.state = v[6], .resets = in.resets, .intervals = in.intervals});
      y.backward(Random(7).normal(y.shape()));
      Tensors results{y.value(), state.value()};
      for (const Variable& x : v) results.push_back(x.grad());
      return results;
    });
  }
}

TEST(DplrScan, RefusesARankAboveTwo) {
  const kernels::DplrScan in = arguments({1, 2, 1, 1, 3}, DType::f32, false);
  EXPECT_EQ(testing::error_of([&] { scan(in); }),
            "dplr_scan: expected a rank of 0, 1 or 2, received P c64 [3, 1, 1]");
}

}  // namespace
}  // namespace lw
