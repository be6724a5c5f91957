#include "autograd/ops/s4_readout.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/s4_kernel.h"
#include "tests/compare.h"
#include "tests/reference/s4_kernel.h"

namespace lw {
namespace {

using reference::complex_noise;

/// C stands in Ct.
kernels::S4Kernel arguments(int64_t channels, int64_t states, int64_t rank, DType dtype) {
  kernels::S4Kernel in{reference::steps(channels, dtype),
                       reference::stable_poles(channels, states, dtype, 1)};
  if (rank > 0) in.P = complex_noise({rank, channels, states}, dtype, 2);
  in.B = complex_noise({channels, states}, dtype, 3);
  in.Ct = complex_noise({channels, states}, dtype, 4);
  return in;
}

/// The largest |a - b|, relative to the largest |b|.
double relative_error(const Tensor& actual, const Tensor& wanted) {
  const Tensor a = actual.to(host), b = wanted.to(host);
  double error = 0, largest = 0;
  for (int64_t h = 0; h < a.size(0); ++h)
    for (int64_t n = 0; n < a.size(1); ++n) {
      const complex128 expected = reference::complex_at(b, h, n);
      error = std::max(error, std::abs(reference::complex_at(a, h, n) - expected));
      largest = std::max(largest, std::abs(expected));
    }
  return error / largest;
}

TEST(S4Readout, TruncatesAsTheDenseRecurrence) {
  for (const int64_t rank : {0, 1, 2})
    for (const int64_t length : {1, 2, 3, 31, 100}) {
      kernels::S4Kernel in = arguments(3, 4, rank, DType::f64);
      in.length = length;
      const Tensor Ct =
          s4_truncated_readout(in.dt, in.lambda, in.P ? Variable(in.P) : Variable(), in.Ct, length)
              .value();
      EXPECT_LE(relative_error(Ct, reference::truncated_readout(in, in.Ct)), 1e-12) << length;
    }
}

TEST(S4Readout, UndoesTheTruncation) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t length : {5, 800}) {
      const kernels::S4Kernel in = arguments(3, 8, 1, dtype);
      const Variable Ct = s4_truncated_readout(in.dt, in.lambda, in.P, in.Ct, length);
      const Tensor C = s4_readout(in.dt, in.lambda, in.P, Ct, length).value();
      EXPECT_EQ(C.dtype(), in.Ct.dtype());
      EXPECT_LE(relative_error(C, in.Ct), dtype == DType::f32 ? 2e-4 : 1e-12);
    }
}

TEST(S4Readout, DoublesTheLength) {
  for (const int64_t rank : {0, 1, 2})
    for (const int64_t length : {1, 3, 50}) {
      const kernels::S4Kernel in = arguments(3, 4, rank, DType::f64);
      const Variable P = in.P ? Variable(in.P) : Variable();
      const auto truncated = [&](int64_t to) {
        return s4_truncated_readout(in.dt, in.lambda, P, in.Ct, to);
      };
      const Variable doubled = s4_doubled_readout(in.dt, in.lambda, P, truncated(length), length);
      EXPECT_LE(relative_error(doubled.value(), truncated(2 * length).value()), 1e-13) << length;
    }
}

TEST(S4Readout, TheKernelDoesNotDependOnTheLength) {
  const kernels::S4Kernel in = arguments(3, 4, 1, DType::f64);
  const auto kernel = [&](int64_t length) {
    const Variable Ct = s4_truncated_readout(in.dt, in.lambda, in.P, in.Ct, length);
    return s4_kernel(in.dt, in.lambda, in.P, in.B, Ct, {.time = 90, .length = length}).value();
  };
  testing::expect_close(kernel(180), kernel(90), 1e-11);
}

TEST(S4Readout, GradientsAgreeWithCentralDifferences) {
  for (const int64_t rank : {0, 2})
    for (const int64_t length : {1, 6, 23}) {
      const kernels::S4Kernel in = arguments(2, 3, rank, DType::f64);
      for (const auto convert : {s4_readout, s4_truncated_readout, s4_doubled_readout}) {
        const auto f = [&](const Variables& v) { return convert(v[0], v[1], v[2], v[3], length); };
        // steps of 0.1 and more: I - Abar far from singular
        const Tensor dt = (Variable(in.dt) + 0.1).value();
        check_gradients(f, {dt, in.lambda, in.P, in.Ct}, {.step = 1e-6});
      }
    }
}

TEST(S4Readout, HasTheSameBitsOnAnyNumberOfThreads) {
  const kernels::S4Kernel in = arguments(7, 4, 1, DType::f32);
  testing::expect_same_on_any_threads([&] {
    const Variable dt(in.dt, true), lambda(in.lambda, true), P(in.P, true), Ct(in.Ct, true);
    const Variable C = s4_readout(dt, lambda, P, Ct, 50);
    C.backward(complex_noise({7, 4}, DType::f32, 5));
    return Tensors{C.value(), dt.grad(), lambda.grad(), P.grad(), Ct.grad()};
  });
}

TEST(S4Readout, RefusesALengthOfZero) {
  const kernels::S4Kernel in = arguments(1, 1, 0, DType::f32);
  EXPECT_EQ(testing::error_of([&] { s4_readout(in.dt, in.lambda, {}, in.Ct, 0); }),
            "s4_readout: expected a length of at least 1, received 0");
}

}  // namespace
}  // namespace lw
