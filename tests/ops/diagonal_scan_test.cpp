#include "autograd/ops/diagonal_scan.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/long_conv.h"
#include "autograd/ops/s4d_kernel.h"
#include "autograd/ops/shape.h"
#include "tests/ops/diagonal_scan_cases.h"
#include "tests/roundings.h"

namespace lw {
namespace {

using reference::complex_noise;
using testing::parts;
using testing::pitched;
using testing::random_resets;
using testing::same_bits;
using testing::scan;
using Case = testing::ScanCase;

kernels::DiagonalScan arguments(const Case& c, DType dtype, bool all) {
  kernels::DiagonalScan in = testing::scan_arguments(c, dtype);
  if (all) {
    in.state = testing::initial_state(c, dtype);
    in.resets = random_resets(c.batch, c.time, 20);
  }
  in.conjugate_pairs = !all;
  return in;
}

/// The same at irregular times, of continuous systems; steps from 1e-3 to 0.3 of a radian and more.
kernels::DiagonalScan irregular(const Case& c, DType dtype, bool all, Discretization method) {
  kernels::DiagonalScan in = arguments(c, dtype, all);
  const Variable dt = reshape(reference::steps(c.channels, dtype), {c.channels, 1});
  in.A = (dt * reference::stable_poles(c.channels, c.states, dtype, 1)).value();
  in.B = (dt * complex_noise({c.channels, c.states}, dtype, 6)).value();
  in.intervals = Random(7).uniform({c.batch, c.time}, 0.1, 3, dtype);
  in.method = method;
  return in;
}

const std::vector<Case> cases{{1, 1, 1, 1},   {2, 5, 31, 3},  {1, 63, 33, 2},
                              {3, 64, 16, 4}, {2, 65, 17, 5}, {1, 200, 3, 8},
                              {2, 0, 3, 2},   {0, 4, 3, 2},   {1, 40, 3, 37}};

TEST(DiagonalScan, AgreesWithTheReference) {
  for (const Case& c : cases)
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool all : {false, true}) {
        SCOPED_TRACE(str(dtype, " ", c.batch, " ", c.time, " ", c.channels, " ", c.states, all));
        kernels::DiagonalScan in = arguments(c, dtype, all);
        const reference::DiagonalScan expected = reference::diagonal_scan(in);
        in.u = pitched(in.u);
        for (Tensor* t : {&in.A, &in.B, &in.C}) *t = pitched(*t);
        if (in.state) in.state = pitched(in.state);
        const auto [y, state] = scan(in);
        const double tolerance = dtype == DType::f32 ? 5e-6 : 1e-13;
        testing::expect_close(y.value(), expected.y, tolerance);
        testing::expect_close(parts(state.value()), parts(expected.state), tolerance);
      }
}

TEST(DiagonalScan, GradientsAgreeWithCentralDifferences) {
  for (const Case& c : {Case{2, 5, 3, 4}, Case{1, 130, 2, 3}, Case{1, 1, 9, 2}, Case{2, 0, 2, 1},
                        Case{1, 66, 17, 1}, Case{1, 3, 2, 9}})
    for (const bool all : {false, true}) {
      SCOPED_TRACE(str(c.batch, " ", c.time, " ", c.channels, " ", c.states, " ", all));
      const kernels::DiagonalScan in = arguments(c, DType::f64, all);
      const auto f = [&](const Variables& v) {
        const auto [y, state] = diagonal_scan(
            v[0], v[1], v[2], v[3],
            {.state = v[4], .resets = in.resets, .conjugate_pairs = in.conjugate_pairs});
        return Variables{y, state};
      };
      check_gradients(f, {in.u, in.A, in.B, in.C, in.state}, {.step = 1e-6});
    }
}

TEST(DiagonalScan, AtIrregularTimesAgreesWithTheReference) {
  for (const Case& c : {Case{1, 1, 1, 1}, Case{2, 5, 31, 3}, Case{2, 65, 17, 5}, Case{1, 40, 3, 37},
                        Case{2, 0, 3, 2}})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const Discretization method : reference::discretizations) {
        SCOPED_TRACE(str(dtype, " ", c.time, " ", c.channels, " ", static_cast<int>(method)));
        kernels::DiagonalScan in = irregular(c, dtype, c.batch == 2, method);
        const reference::DiagonalScan expected = reference::diagonal_scan(in);
        for (Tensor* t : {&in.u, &in.A, &in.B, &in.C, &in.intervals}) *t = pitched(*t);
        const auto [y, state] = scan(in);
        // forward Euler grows where a step is long, and rounding with it
        const double tolerance = testing::roundings() * (dtype == DType::f32 ? 3e-5 : 1e-13);
        testing::expect_close(y.value(), expected.y, tolerance);
        testing::expect_close(parts(state.value()), parts(expected.state), tolerance);
      }
}

TEST(DiagonalScan, AtIrregularTimesGradientsAgreeWithCentralDifferences) {
  for (const Case& c : {Case{2, 5, 3, 4}, Case{1, 70, 2, 3}, Case{1, 1, 9, 2}})
    for (const Discretization method : reference::discretizations)
      for (const bool all : {false, true}) {
        SCOPED_TRACE(str(c.time, " ", c.channels, " ", static_cast<int>(method), " ", all));
        const kernels::DiagonalScan in = irregular(c, DType::f64, all, method);
        const auto f = [&](const Variables& v) {
          const auto [y, state] = diagonal_scan(v[0], v[1], v[2], v[3],
                                                {.state = v[4],
                                                 .resets = in.resets,
                                                 .conjugate_pairs = in.conjugate_pairs,
                                                 .intervals = in.intervals,
                                                 .method = in.method});
          return Variables{y, state};
        };
        check_gradients(f, {in.u, in.A, in.B, in.C, in.state}, {.step = 1e-6});
      }
}

TEST(DiagonalScan, EqualIntervalsAreALongerStep) {
  const Case c{2, 50, 5, 4};
  for (const Discretization method : reference::discretizations) {
    kernels::DiagonalScan in = irregular(c, DType::f64, true, method);
    in.intervals.fill(2);
    const auto [y, state] = scan(in);
    const auto [Abar, Bbar] =
        discretize(Tensor::full({c.channels}, 2, DType::f64), in.A, in.B, method);
    in.A = Abar.value(), in.B = Bbar.value(), in.intervals = {};
    const auto [expected, last] = scan(in);
    testing::expect_close(y.value(), expected.value(), 1e-13);
    testing::expect_close(parts(state.value()), parts(last.value()), 1e-13);
  }
}

TEST(DiagonalScan, IsTheConvolutionWithItsKernel) {
  for (const bool started : {false, true})
    for (const auto method : {Discretization::zoh, Discretization::bilinear}) {
      const Case c{2, 101, 5, 8};
      const Tensor dt = reference::steps(c.channels, DType::f64);
      const Tensor A = reference::stable_poles(c.channels, c.states, DType::f64, 1);
      const kernels::DiagonalScan in = arguments(c, DType::f64, false);
      const auto [Abar, Bbar] = discretize(dt, A, {}, method);
      const Variable state =
          started ? Variable(complex_noise({c.batch, c.channels, c.states}, DType::f64, 4))
                  : Variable();
      const Variable y = diagonal_scan(in.u, Abar, Bbar, in.C, {.state = state}).y;

      const Tensor K = s4d_kernel(dt, A, in.C, c.time, {.method = method}).value();
      Variable convolved = long_conv(in.u, K);
      if (started)
        convolved = convolved +
                    diagonal_scan(Tensor::zeros_like(in.u), Abar, Bbar, in.C, {.state = state}).y;
      testing::expect_close(y.value(), convolved.value(), 1e-11);
    }
}

void expect_pieces_hand_the_state_on_exactly(const kernels::DiagonalScan& in) {
  const DiagonalScanResult whole = scan(in);
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{1, 149}, {149, 1}, {63, 65, 22}, std::vector<int64_t>(150, 1)}) {
    kernels::DiagonalScan part = in;
    Variables ys;
    int64_t begin = 0;
    for (const int64_t size : sizes) {
      part.u = in.u.slice(1, begin, begin + size);
      part.resets = in.resets.slice(1, begin, begin + size);
      if (in.intervals) part.intervals = in.intervals.slice(1, begin, begin + size);
      const auto [y, state] = scan(part);
      ys.push_back(y);
      part.state = state.value();
      begin += size;
    }
    EXPECT_TRUE(same_bits(concat(ys, 1).value(), whole.y.value()));
    EXPECT_TRUE(same_bits(part.state, whole.state.value()));
  }
}

TEST(DiagonalScan, ChunksAndStepsHandTheStateOnExactly) {
  const Case c{2, 150, 19, 3};
  expect_pieces_hand_the_state_on_exactly(arguments(c, DType::f32, true));
  expect_pieces_hand_the_state_on_exactly(irregular(c, DType::f32, true, Discretization::zoh));
}

TEST(DiagonalScan, PackedDocumentsEqualSeparateOnes) {
  const kernels::DiagonalScan in = arguments({1, 200, 5, 4}, DType::f32, false);
  const std::vector<int64_t> starts{0, 1, 3, 64, 70, 130, 200};
  std::vector<uint8_t> marks(200);
  for (size_t i = 0; i + 1 < starts.size(); ++i) marks[static_cast<size_t>(starts[i])] = 1;
  const Tensor resets = Tensor::from({1, 200}, marks);
  Tensor u = in.u.clone();
  u.slice(1, 3, 64).fill(NAN);  // must not reach another document

  const Variable packed_u(u, true), state(complex_noise({1, 5, 4}, DType::f32, 4), true);
  const auto packed = diagonal_scan(packed_u, in.A, in.B, in.C, {.state = state, .resets = resets});
  const Tensor dy = Random(5).normal(u.shape());
  packed.y.backward(dy);
  for (const double g : parts(state.grad()).to_vector()) EXPECT_EQ(g, 0);
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    if (starts[i] == 3) continue;
    const auto cut = [&](const Tensor& t) { return t.slice(1, starts[i], starts[i + 1]); };
    const Variable alone_u(cut(u), true);
    const auto alone = diagonal_scan(alone_u, in.A, in.B, in.C);
    alone.y.backward(cut(dy));
    const auto expect_equal = [&](const Tensor& part, const Tensor& whole) {
      // A GPU computes a long document by itself, without resets, in another way.
      if (part.size(1) < shortest_scan_in_chunks(u))
        EXPECT_TRUE(same_bits(part, whole));
      else
        testing::expect_close(part, whole, 1e-6);
    };
    expect_equal(cut(packed.y.value()), alone.y.value());
    expect_equal(cut(packed_u.grad()), alone_u.grad());
  }
}

TEST(DiagonalScan, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const bool regular : {true, false}) {
    kernels::DiagonalScan in = irregular({3, 100, 37, 4}, DType::f32, true, Discretization::zoh);
    if (regular) in = arguments({3, 100, 37, 4}, DType::f32, true);
    testing::expect_same_on_any_threads([&] {
      const Variable u(in.u, true), A(in.A, true), B(in.B, true), C(in.C, true), x(in.state, true);
      const auto [y, state] =
          diagonal_scan(u, A, B, C, {.state = x, .resets = in.resets, .intervals = in.intervals});
      y.backward(Random(5).normal(y.shape()));
      return Tensors{y.value(), state.value(), u.grad(), A.grad(), B.grad(), C.grad(), x.grad()};
    });
  }
}

TEST(DiagonalScan, RefusesAStateOfAnotherBatch) {
  const kernels::DiagonalScan in = arguments({2, 5, 3, 4}, DType::f32, false);
  EXPECT_EQ(
      testing::error_of([&] {
        diagonal_scan(in.u, in.A, in.B, in.C, {.state = Tensor::zeros({1, 3, 4}, DType::c64)});
      }),
      "diagonal_scan: axis `batch` of `state` is 1, expected 2\n"
      "  expected  state [batch, channel, state] = [2, 3, 4]\n"
      "  received  state                         = [1, 3, 4]\n"
      "  because   u [batch, time, channel] = [2, 5, 3]");
}

}  // namespace
}  // namespace lw
