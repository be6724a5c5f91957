#include "kernels/fft/fft.h"

#include <gtest/gtest.h>
#include <kissfft/kissfft.hh>

#include <cmath>
#include <cstring>
#include <numbers>

#include "core/parallel.h"
#include "core/random.h"
#include "tests/compare.h"

namespace lw {
namespace {

using kernels::FftDirection;

Tensor noise(const Shape& shape, DType dtype) {
  const Device device = default_device();
  const DeviceScope on_host(host);
  const Tensor reals = Random(1).normal(shape.with(-1, 2 * shape.back()), 0, 1, real_of(dtype));
  Tensor z = Tensor::empty(shape, dtype);
  std::memcpy(z.raw(), reals.raw(), static_cast<size_t>(z.bytes()));
  return z.to(device);
}

Tensor transformed(const Tensor& x, FftDirection way) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  kernels::fft(x, way, y);
  return y;
}

complex128 element(const Tensor& z, int64_t b, int64_t t, int64_t c) {
  return z.dtype() == DType::c64 ? complex128(z.view<complex64, 3>()(b, t, c))
                                 : z.view<complex128, 3>()(b, t, c);
}

/// The largest error of a transform, relative to the largest element; in double, by kissfft.
double error_of(const Tensor& before, FftDirection way, const Tensor& after) {
  const Tensor x = before.to(host), y = after.to(host);
  const int64_t n = x.size(1);
  const bool inverse = way == FftDirection::inverse;
  const kissfft<double> oracle(static_cast<size_t>(n), inverse);
  double error = 0, largest = 0;
  std::vector<complex128> in(static_cast<size_t>(n)), out(static_cast<size_t>(n));
  for (int64_t b = 0; b < x.size(0); ++b)
    for (int64_t c = 0; c < x.size(2); ++c) {
      for (int64_t t = 0; t < n; ++t) in[static_cast<size_t>(t)] = element(x, b, t, c);
      oracle.transform(in.data(), out.data());
      for (int64_t t = 0; t < n; ++t) {
        const complex128 expected = out[static_cast<size_t>(t)] / (inverse ? double(n) : 1.);
        error = std::max(error, std::abs(element(y, b, t, c) - expected));
        largest = std::max(largest, std::abs(expected));
      }
    }
  return error / largest;
}

TEST(NextFastLength, IsTheSmallestProductOfTwosThreesAndFives) {
  const auto is_fast = [](int64_t n) {
    for (const int p : {2, 3, 5})
      while (n % p == 0) n /= p;
    return n == 1;
  };
  for (int64_t n = 1; n < 3000; ++n) {
    int64_t expected = n;
    while (!is_fast(expected)) ++expected;
    ASSERT_EQ(kernels::next_fast_length(n), expected);
  }
  EXPECT_EQ(kernels::next_fast_length(0), 1);
  EXPECT_EQ(kernels::next_fast_length(65537), 65610);
}

TEST(RootOfUnity, IsExactOnTheAxesAndCloseElsewhere) {
  using kernels::root_of_unity;
  for (const int64_t n : {1, 3, 8, 1000}) {
    EXPECT_EQ(root_of_unity(0, 4 * n), complex128(1, 0));
    EXPECT_EQ(root_of_unity(n, 4 * n), complex128(0, 1));
    EXPECT_EQ(root_of_unity(-2 * n, 4 * n), complex128(-1, 0));
    EXPECT_EQ(root_of_unity(7 * n, 4 * n), complex128(0, -1));
  }
  for (int64_t a = -40; a < 80; ++a) {
    const long double angle = 2 * std::numbers::pi_v<long double> * a / 37;
    EXPECT_NEAR(root_of_unity(a, 37).real(), std::cos(angle), 2e-16);
    EXPECT_NEAR(root_of_unity(a, 37).imag(), std::sin(angle), 2e-16);
  }
}

TEST(Fft, AgreesWithKissfft) {
  for (const int64_t n :
       {1,  2,  3,   4,   5,   6,   8,   9,   10,  15,   16,   25,   27,   30,   32,   45,   64,
        81, 96, 100, 125, 128, 256, 360, 512, 800, 1000, 1024, 1536, 2048, 4096, 6000, 16384})
    for (const DType dtype : {DType::c64, DType::c128})
      for (const FftDirection way : {FftDirection::forward, FftDirection::inverse}) {
        const Tensor x = noise({1, n, 3}, dtype);
        EXPECT_LT(error_of(x, way, transformed(x, way)), dtype == DType::c64 ? 5e-7 : 2e-15)
            << n << ' ' << dtype;
      }
}

TEST(Fft, TakesPitchedTensorsOfAnyWidth) {
  for (const int64_t channels : {1, 7, 8, 9, 31, 33})
    for (const DType dtype : {DType::c64, DType::c128}) {
      const Tensor x = noise({2, 30, channels + 4}, dtype).slice(-1, 3, 3 + channels);
      Tensor wide = Tensor::full({2, 30, channels + 2}, -7, dtype);
      Tensor y = wide.slice(-1, 1, 1 + channels);
      kernels::fft(x, FftDirection::forward, y);
      EXPECT_LT(error_of(x, FftDirection::forward, y), dtype == DType::c64 ? 5e-7 : 2e-15);
      for (const int64_t margin : {int64_t{0}, channels + 1})
        EXPECT_EQ(element(wide.to(host), 1, 29, margin), complex128(-7, 0));
    }
}

TEST(Fft, HasTheSameBitsOnAnyNumberOfThreads) {
  const int before = num_threads();
  const Tensor x = noise({3, 96, 37}, DType::c64);
  set_num_threads(1);
  const Tensor one = transformed(x, FftDirection::forward);
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    const Tensor y = transformed(x, FftDirection::forward);
    EXPECT_TRUE(testing::same_bits(y, one));
  }
  set_num_threads(before);
}

TEST(Fft, RefusesAnotherLengthAndNamesTheNextOne) {
  for (int again = 0; again < 2; ++again) {
    try {
      transformed(noise({1, 784, 1}, DType::c64), FftDirection::forward);
      FAIL();
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(),
                   "fft: expected a length of the form 2^a 3^b 5^c, received 784\n  pad to 800");
    }
  }
}

}  // namespace
}  // namespace lw
