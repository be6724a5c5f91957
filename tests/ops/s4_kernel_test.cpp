#include "autograd/ops/s4_kernel.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "layers/hippo.h"
#include "tests/compare.h"
#include "tests/reference/s4_kernel.h"

namespace lw {
namespace {

using reference::complex_noise;

struct System {
  kernels::S4Kernel in;
  Tensor C;
};

/// A random stable model with its truncated readout, which is computed in double.
System random_system(int64_t channels, int64_t states, int64_t rank, int64_t length, DType dtype) {
  System s{{reference::steps(channels, dtype), reference::stable_poles(channels, states, dtype, 1)},
           complex_noise({channels, states}, dtype, 4)};
  if (rank > 0) s.in.P = complex_noise({rank, channels, states}, dtype, 2);
  s.in.B = complex_noise({channels, states}, dtype, 3);
  s.in.length = length;
  s.in.Ct = reference::truncated_readout(s.in, s.C).to(complex_of(dtype));
  return s;
}

/// The same HiPPO matrices for every channel, -Re lambda at least 1e-4.
System hippo_system(const char* measure, int64_t channels, int64_t N, int64_t length, DType dtype) {
  const Nplr model = nplr(measure, N);
  const DType complex = complex_of(dtype);
  const auto repeated = [&](std::vector<complex128> row) {
    std::vector<complex128> rows;
    for (int64_t h = 0; h < channels; ++h) rows.insert(rows.end(), row.begin(), row.end());
    return Tensor::from({channels, N / 2}, rows).to(complex);
  };
  std::vector<complex128> lambda = model.lambda;
  for (complex128& l : lambda) l = {std::min(l.real(), -1e-4), l.imag()};
  System s{{reference::steps(channels, dtype), repeated(lambda)},
           complex_noise({channels, N / 2}, dtype, 4)};
  if (model.rank > 0) {
    s.in.P = Tensor::empty({model.rank, channels, N / 2}, complex);
    for (int64_t r = 0; r < model.rank; ++r)
      s.in.P.select(0, r).copy_from(
          repeated({model.P.begin() + r * N / 2, model.P.begin() + (r + 1) * N / 2}));
  }
  s.in.B = repeated(model.B);
  s.in.length = length;
  s.in.Ct = reference::truncated_readout(s.in, s.C).to(complex);
  return s;
}

Tensor kernel_of(const System& s, int64_t time) {
  Tensor K = Tensor::empty({s.C.size(0), time}, real_of(s.C.dtype()));
  kernels::s4_kernel_forward(s.in, K);
  return K;
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

TEST(S4Kernel, AgreesWithTheDenseRecurrence) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t rank : {0, 1, 2})
      for (const auto& [length, time] : std::vector<std::pair<int64_t, int64_t>>{
               {1, 1}, {2, 2}, {3, 3}, {32, 31}, {45, 43}, {270, 257}, {300, 300}, {8, 0}})
        for (const int64_t channels : {1, 2, 33}) {
          if (channels > 2 && length > 40) continue;
          SCOPED_TRACE(str(dtype, " ", rank, " ", length, " ", time, " ", channels));
          const System s = random_system(channels, 3, rank, length, dtype);
          EXPECT_LE(relative_error(kernel_of(s, time), reference::s4_kernel(s.in, s.C, time)),
                    dtype == DType::f32 ? 5e-6 : 1e-12);  // that of Ct, rounded
        }
}

TEST(S4Kernel, AgreesWithTheDenseRecurrenceOfHippo) {
  for (const char* measure : {"legs", "legt_half", "lagt", "fout", "foud"})
    for (const DType dtype : {DType::f32, DType::f64}) {
      SCOPED_TRACE(str(measure, " ", dtype));
      const System s = hippo_system(measure, 3, 32, 480, dtype);
      EXPECT_LE(relative_error(kernel_of(s, 479), reference::s4_kernel(s.in, s.C, 479)),
                dtype == DType::f32 ? 2e-7 : 1e-12);
    }
}

TEST(S4Kernel, GradientsAgreeWithCentralDifferences) {
  for (const int64_t rank : {0, 1, 2})
    for (const auto& [length, time] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {2, 1}, {15, 13}, {90, 90}}) {
      SCOPED_TRACE(str(rank, " ", length, " ", time));
      const System s = random_system(3, 4, rank, length, DType::f64);
      const auto f = [length = length, time = time](const Variables& v) {
        return s4_kernel(v[0], v[1], v[2], v[3], v[4], {.time = time, .length = length});
      };
      check_gradients(f, {s.in.dt, s.in.lambda, s.in.P, s.in.B, s.in.Ct}, {.step = 3e-8});
    }
}

TEST(S4Kernel, GradientsOfALargeStateAgreeWithCentralDifferences) {
  const System s = random_system(1, 37, 1, 6, DType::f64);
  const auto f = [](const Variables& v) {
    return s4_kernel(v[0], v[1], v[2], v[3], v[4], {.time = 6, .length = 6});
  };
  check_gradients(f, {s.in.dt, s.in.lambda, s.in.P, s.in.B, s.in.Ct}, {.step = 3e-7});
}

TEST(S4Kernel, ManyChannelsEqualFew) {
  const int64_t few = 2, times = 270, time = 299, length = 300;
  const System s = random_system(few, 3, 1, length, DType::f64);
  const Tensor dK = Random(4).normal({few, time}).to(DType::f64);
  const auto repeated = [&](const Tensor& t, int channel_axis) {
    Tensor wide = Tensor::empty(t.shape().with(channel_axis, few * times), t.dtype());
    for (int64_t i = 0; i < times; ++i)
      wide.slice(channel_axis, few * i, few * (i + 1)).copy_from(t);
    return wide;
  };
  const auto results = [&](const Tensors& in, const Tensor& gradient) {
    Variables v;
    for (const Tensor& t : in) v.emplace_back(t, true);
    const Variable K = s4_kernel(v[0], v[1], v[2], v[3], v[4], {.time = time, .length = length});
    K.backward(gradient);
    return Tensors{K.value(), v[0].grad(), v[1].grad(), v[2].grad(), v[3].grad(), v[4].grad()};
  };
  Tensors arguments{s.in.dt, s.in.lambda, s.in.P, s.in.B, s.in.Ct};
  const Tensors expected = results(arguments, dK);
  for (size_t i = 0; i < arguments.size(); ++i)
    arguments[i] = repeated(arguments[i], i == 2 ? 1 : 0);
  const Tensors actual = results(arguments, repeated(dK, 0));
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_LE(relative_error(actual[i], repeated(expected[i], i == 3 ? 1 : 0)), 1e-12) << i;
}

TEST(S4Kernel, GradientsInSinglePrecisionFollowThoseInDouble) {
  const System s = hippo_system("legs", 17, 16, 300, DType::f32);
  const auto gradients = [&](DType dtype) {
    const DType complex = complex_of(dtype);
    const Variables v{{s.in.dt.to(dtype), true},
                      {s.in.lambda.to(complex), true},
                      {s.in.P.to(complex), true},
                      {s.in.B.to(complex), true},
                      {s.in.Ct.to(complex), true}};
    s4_kernel(v[0], v[1], v[2], v[3], v[4], {.time = 290, .length = 300})
        .backward(Random(4).normal({17, 290}).to(dtype));
    return v;
  };
  const Variables one = gradients(DType::f32), two = gradients(DType::f64);
  for (size_t i = 0; i < one.size(); ++i)
    EXPECT_LE(relative_error(one[i].grad(), two[i].grad()), 2e-7) << i;
}

TEST(S4Kernel, TakesPitchedArguments) {
  System s = random_system(5, 3, 2, 20, DType::f32);
  const Tensor expected = kernel_of(s, 20);
  for (Tensor* t : {&s.in.lambda, &s.in.P, &s.in.B, &s.in.Ct}) {
    Tensor wide = Tensor::full(t->shape().with(-1, 6), NAN, t->dtype());
    wide.slice(-1, 2, 5).copy_from(*t);
    *t = wide.slice(-1, 2, 5);
  }
  EXPECT_TRUE(testing::same_bits(kernel_of(s, 20), expected));
}

TEST(S4Kernel, HasTheSameBitsOnAnyNumberOfThreads) {
  const System s = random_system(37, 3, 1, 600, DType::f32);
  testing::expect_same_on_any_threads([&] {
    const Variables v{
        {s.in.dt, true}, {s.in.lambda, true}, {s.in.P, true}, {s.in.B, true}, {s.in.Ct, true}};
    const Variable K = s4_kernel(v[0], v[1], v[2], v[3], v[4], {.time = 599, .length = 600});
    K.backward(Random(4).normal({37, 599}));
    return Tensors{K.value(), v[0].grad(), v[1].grad(), v[2].grad(), v[3].grad(), v[4].grad()};
  });
}

TEST(S4Kernel, RefusesLengthsThatTheTransformHasNot) {
  const System s = random_system(1, 1, 0, 6, DType::f32);
  const auto call = [&](int64_t time, int64_t length) {
    return testing::error_of([&] {
      s4_kernel(s.in.dt, s.in.lambda, {}, s.in.B, s.in.Ct, {.time = time, .length = length});
    });
  };
  EXPECT_EQ(call(7, 7),
            "s4_kernel: expected a length of the form 2^a 3^b 5^c, received 7; the next one is 8");
  EXPECT_EQ(call(7, 6),
            "s4_kernel: expected a time from 0 to length = 6, for which Ct was made, received 7");
}

}  // namespace
}  // namespace lw
