#include "autograd/ops/s4d_kernel.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "tests/compare.h"
#include "tests/reference/s4d_kernel.h"

namespace lw {
namespace {

using reference::complex_noise;

kernels::S4dKernel arguments(int64_t channels, int64_t states, DType dtype) {
  return {reference::steps(channels, dtype), reference::stable_poles(channels, states, dtype, 1),
          complex_noise({channels, states}, dtype, 2), complex_noise({channels, states}, dtype, 3)};
}

Variable s4d(const kernels::S4dKernel& in, int64_t time) {
  return s4d_kernel(in.dt, in.A, in.C, time,
                    {.B = in.B ? Variable(in.B) : Variable(),
                     .method = in.method,
                     .conjugate_pairs = in.conjugate_pairs});
}

/// The largest difference, relative to the largest element.
double relative_error(const Tensor& actual, const Tensor& expected) {
  const auto a = actual.to_vector(), e = expected.to_vector();
  double error = 0, largest = 1e-300;
  for (size_t i = 0; i < e.size(); ++i) {
    error = std::isfinite(a[i]) ? std::max(error, std::abs(a[i] - e[i])) : INFINITY;
    largest = std::max(largest, std::abs(e[i]));
  }
  return error / largest;
}

TEST(S4dKernel, AgreesWithTheRecurrence) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto method : reference::discretizations)
      for (const int64_t states : {1, 2, 33})
        for (const int64_t time : {0, 1, 2, 31, 32, 33, 63, 997, 1000}) {
          if (method == kernels::Discretization::forward_euler && states > 2) continue;  // unstable
          SCOPED_TRACE(str(dtype, " ", static_cast<int>(method), " ", states, " ", time));
          kernels::S4dKernel in = arguments(7, states, dtype);
          in.method = method;
          const Tensor K = s4d(in, time).value();
          EXPECT_LE(relative_error(K, reference::s4d_kernel(in, time)),
                    dtype == DType::f32 ? 1e-6 : 1e-12);
        }
}

TEST(S4dKernel, KeepsItsPrecisionAtGreatLengths) {
  const kernels::S4dKernel in = arguments(7, 32, DType::f32);
  for (const int64_t time : {4096, 16384})
    EXPECT_LE(relative_error(s4d(in, time).value(), reference::s4d_kernel(in, time)), 1e-6) << time;
}

TEST(S4dKernel, GradientsAgreeWithCentralDifferences) {
  for (const auto method : reference::discretizations)
    for (const int64_t time : {1, 7, 70})
      for (const bool pairs : {true, false}) {
        SCOPED_TRACE(str(static_cast<int>(method), " ", time, " ", pairs));
        const kernels::S4dKernel in = arguments(3, 4, DType::f64);
        const auto f = [&](const Variables& v) {
          return s4d_kernel(v[0], v[1], v[2], time,
                            {.B = v[3], .method = method, .conjugate_pairs = pairs});
        };
        check_gradients(f, {in.dt, in.A, in.C, in.B}, {.step = 3e-7});
        check_gradients(f, {in.dt, in.A, in.C, Tensor()}, {.step = 3e-7});
      }
}

TEST(S4dKernel, GradientsInSinglePrecisionFollowThoseInDouble) {
  for (const int64_t time : {1, 33, 784, 4096}) {
    const auto gradients = [&](DType dtype) {
      const kernels::S4dKernel in = arguments(5, 32, DType::f32);
      const DType complex = complex_of(dtype);
      const Variables v{{in.dt.to(dtype), true},
                        {in.A.to(complex), true},
                        {in.C.to(complex), true},
                        {in.B.to(complex), true}};
      s4d_kernel(v[0], v[1], v[2], time, {.B = v[3]})
          .backward(Random(4).normal({5, time}).to(dtype));
      return v;
    };
    const Variables one = gradients(DType::f32), two = gradients(DType::f64);
    for (size_t i = 0; i < one.size(); ++i)
      EXPECT_LE(relative_error(one[i].grad(), two[i].grad()), 3e-6) << i << " " << time;
  }
}

// With the bilinear rule dt A = -2 gives Abar = 0, which no logarithm reaches.
TEST(S4dKernel, APoleAtZeroHasAKernelAndGradients) {
  Tensor A = Tensor::full({1, 1}, -4, DType::c128), dt = Tensor::full({1}, 0.5, DType::f64);
  const auto f = [](const Variables& v) {
    return s4d_kernel(v[0], v[1], v[2], 40, {.method = Discretization::bilinear});
  };
  const Tensor one = Tensor::full({1, 1}, 1, DType::c128);
  const auto K = f({dt, A, one}).value().to_vector();
  EXPECT_EQ(K[0], 0.5);  // 2 dt / (1 + 1)
  for (size_t l = 1; l < 40; ++l) EXPECT_EQ(K[l], 0);
  check_gradients(f, {dt, A, one});
}

TEST(S4dKernel, RealPolesCountOnce) {
  const Tensor A = Tensor::full({1, 1}, -1, DType::c128), dt = Tensor::full({1}, 0.1, DType::f64);
  const Tensor one = Tensor::full({1, 1}, 1, DType::c128);
  const auto K = s4d_kernel(dt, A, one, 3, {.conjugate_pairs = false}).value().to_vector();
  for (int l = 0; l < 3; ++l)
    EXPECT_NEAR(K[static_cast<size_t>(l)], (1 - std::exp(-0.1)) * std::exp(-0.1 * l), 1e-16);
}

TEST(S4dKernel, TakesPitchedArguments) {
  const kernels::S4dKernel in = arguments(5, 8, DType::f32);
  kernels::S4dKernel part = in;
  for (Tensor* t : {&part.A, &part.B, &part.C}) *t = t->slice(-1, 2, 7);
  Tensor K = Tensor::full({5, 50}, -7);
  Tensor inner = K.slice(-1, 3, 43);
  kernels::s4d_kernel_forward(part, inner);
  EXPECT_LE(relative_error(inner, reference::s4d_kernel(part, 40)), 1e-6);
  for (const int64_t column : {2, 43}) EXPECT_EQ(K.at({4, column}), -7);
}

TEST(S4dKernel, HasTheSameBitsOnAnyNumberOfThreads) {
  const kernels::S4dKernel in = arguments(21, 16, DType::f32);
  testing::expect_same_on_any_threads([&] {
    const Variable dt(in.dt, true), A(in.A, true), B(in.B, true), C(in.C, true);
    const Variable K = s4d_kernel(dt, A, C, 200, {.B = B});
    K.backward(Random(4).normal({21, 200}));
    return Tensors{K.value(), dt.grad(), A.grad(), B.grad(), C.grad()};
  });
}

TEST(S4dKernel, NamesTheStateThatDisagrees) {
  const kernels::S4dKernel in = arguments(3, 4, DType::f32);
  EXPECT_EQ(testing::error_of([&] { s4d_kernel(in.dt, in.A, in.C.slice(-1, 0, 3), 10); }),
            "s4d_kernel: axis `state` of `C` is 3, expected 4\n"
            "  expected  C [channel, state] = [3, 4]\n"
            "  received  C                  = [3, 3]\n"
            "  because   A [channel, state] = [3, 4]");
}

}  // namespace
}  // namespace lw
