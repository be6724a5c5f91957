// The vector functions against the standard library in a wider type, on every target this machine
// can run.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/core/simd_math_test.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "core/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace math = lw::simd::HWY_NAMESPACE;

#define LW_MAP(name)                                                           \
  template <class T>                                                           \
  void name##_map(const T* x, T* y, size_t n) {                                \
    const hn::ScalableTag<T> d;                                                \
    for (size_t i = 0; i < n; i += hn::Lanes(d))                               \
      hn::StoreU(math::name(d, hn::LoadU(d, x + i)), d, y + i);                \
  }                                                                            \
  void name##_f32(const float* x, float* y, size_t n) { name##_map(x, y, n); } \
  void name##_f64(const double* x, double* y, size_t n) { name##_map(x, y, n); }
LW_MAP(exp)
LW_MAP(exp2_nonpositive)
LW_MAP(expm1)
LW_MAP(log)
LW_MAP(log1p)
LW_MAP(sigmoid)
LW_MAP(tanh)
LW_MAP(erf)
LW_MAP(sin)
LW_MAP(cos)
#undef LW_MAP

}  // namespace
}  // namespace lw::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace lw {
namespace {

#define LW_EXPORT(name)                                  \
  HWY_EXPORT(name##_f32);                                \
  HWY_EXPORT(name##_f64);                                \
  void name##_on(const float* x, float* y, size_t n) {   \
    HWY_DYNAMIC_DISPATCH(name##_f32)(x, y, n);           \
  }                                                      \
  void name##_on(const double* x, double* y, size_t n) { \
    HWY_DYNAMIC_DISPATCH(name##_f64)(x, y, n);           \
  }
LW_EXPORT(exp)
LW_EXPORT(exp2_nonpositive)
LW_EXPORT(expm1)
LW_EXPORT(log)
LW_EXPORT(log1p)
LW_EXPORT(sigmoid)
LW_EXPORT(tanh)
LW_EXPORT(erf)
LW_EXPORT(sin)
LW_EXPORT(cos)
#undef LW_EXPORT

/// The distance of y from the exact value, in units in the last place of T; results that may be
/// flushed to zero count in units of what may be flushed.
template <class T>
double ulps(T y, long double exact) {
  const T rounded = static_cast<T>(exact);
  if (std::isnan(exact) || std::isinf(rounded) || std::isnan(y))
    return (std::isnan(exact) && std::isnan(y)) || y == rounded ? 0 : 1e9;
  const T magnitude = std::max(std::abs(rounded), std::numeric_limits<T>::min());
  const T unit = std::nextafter(magnitude, std::numeric_limits<T>::infinity()) - magnitude;
  return static_cast<double>(std::abs(static_cast<long double>(y) - exact) / unit);
}

template <class T>
using Map = void (*)(const T*, T*, size_t);

constexpr size_t block = 64;

/// The largest error in ulp over inputs spread evenly over [low, high], and evenly in the exponent
/// where `low` and `high` have one sign.
template <class T>
double worst(Map<T> f, const std::function<long double(long double)>& exact, double low,
             double high) {
  double result = 0;
  constexpr int points = 1 << 14;
  std::vector<T> x(points), y(points);
  for (const bool even : {true, false}) {
    if (!even && low * high <= 0) break;
    for (int i = 0; i < points; ++i) {
      const double u = (i + 0.37) / points;
      x[static_cast<size_t>(i)] =
          static_cast<T>(even ? low + (high - low) * u : low * std::pow(high / low, u));
    }
    f(x.data(), y.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i)
      result = std::max(result, ulps(y[i], exact(static_cast<long double>(x[i]))));
  }
  return result;
}

/// f at one point.
template <class T>
T at(Map<T> f, T x) {
  std::vector<T> in(block, x), out(block);
  f(in.data(), out.data(), block);
  return out[0];
}

template <class T>
class SimdMath : public testing::Test {
 protected:
  /// Runs `body` on each target that this machine has.
  void on_every_target(const std::function<void()>& body) {
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      hwy::SetSupportedTargetsForTest(target);
      SCOPED_TRACE(hwy::TargetName(target));
      no_fma = target > HWY_AVX2;  // smaller is better
      body();
    }
    hwy::SetSupportedTargetsForTest(0);
  }
  double allowed(double ulp) const { return no_fma ? ulp + 1 : ulp; }

  static constexpr T inf = std::numeric_limits<T>::infinity();
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  static constexpr bool f32 = sizeof(T) == 4;
  bool no_fma = false;
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(SimdMath, Types);

TYPED_TEST(SimdMath, Exp) {
  using T = TypeParam;
  const Map<T> f = exp_on;
  const auto exact = [](long double x) { return std::exp(x); };
  this->on_every_target([&] {
    const double low = this->f32 ? -86.9 : -708.0, high = this->f32 ? 88.7 : 709.7;
    EXPECT_LE(worst<T>(f, exact, low, high), this->allowed(1.4));
    EXPECT_LE(worst<T>(f, exact, -1, 1), this->allowed(1.4));
    EXPECT_LE(worst<T>(f, exact, 1e-30, 1e-3), this->allowed(1.4));
    EXPECT_EQ(at<T>(f, 0), T{1});
    EXPECT_EQ(at<T>(f, -this->inf), T{0});
    EXPECT_EQ(at<T>(f, 2 * static_cast<T>(low)), T{0});
    EXPECT_EQ(at<T>(f, this->inf), this->inf);
    EXPECT_EQ(at<T>(f, 2 * static_cast<T>(high)), this->inf);
    EXPECT_TRUE(std::isnan(at<T>(f, this->nan)));
    EXPECT_TRUE(std::isnan(at<T>(f, -this->nan)));
  });
}

TYPED_TEST(SimdMath, Exp2OfNonpositive) {
  using T = TypeParam;
  const Map<T> f = exp2_nonpositive_on;
  const auto exact = [](long double x) { return std::exp2(x); };
  this->on_every_target([&] {
    EXPECT_LE(worst<T>(f, exact, this->f32 ? -125.9 : -1021.9, 0), this->allowed(1));
    EXPECT_LE(worst<T>(f, exact, -1, 0), this->allowed(1));
    EXPECT_EQ(at<T>(f, 0), T{1});
    EXPECT_EQ(at<T>(f, -this->inf), T{0});
    EXPECT_EQ(at<T>(f, T{-5000}), T{0});
    EXPECT_TRUE(std::isnan(at<T>(f, this->nan)));
    // Near 1 the result is the nearest number but for a hair: 1 - a keeps what precision it has.
    EXPECT_LE(worst<T>(f, exact, -1e-2, -1e-9), this->no_fma ? 1 : 0.51);
  });
}

TYPED_TEST(SimdMath, Expm1) {
  using T = TypeParam;
  const Map<T> f = expm1_on;
  const auto exact = [](long double x) { return std::expm1(x); };
  this->on_every_target([&] {
    EXPECT_LE(worst<T>(f, exact, -50, this->f32 ? 88.7 : 709.7), this->allowed(2));
    EXPECT_LE(worst<T>(f, exact, -2, 2), this->allowed(2));
    EXPECT_LE(worst<T>(f, exact, 1e-30, 1), this->allowed(2));
    EXPECT_LE(worst<T>(f, exact, -1, -1e-30), this->allowed(2));
    EXPECT_EQ(at<T>(f, 0), T{0});
    EXPECT_EQ(at<T>(f, -this->inf), T{-1});
    EXPECT_EQ(at<T>(f, this->inf), this->inf);
    EXPECT_TRUE(std::isnan(at<T>(f, this->nan)));
  });
}

TYPED_TEST(SimdMath, Log) {
  using T = TypeParam;
  const Map<T> f = log_on;
  const auto exact = [](long double x) { return std::log(x); };
  this->on_every_target([&] {
    EXPECT_LE(worst<T>(f, exact, std::numeric_limits<T>::denorm_min(),
                       static_cast<double>(std::numeric_limits<T>::max()) / 2),
              this->allowed(1));
    EXPECT_LE(worst<T>(f, exact, 0.3, 3), this->allowed(1));
    EXPECT_LE(worst<T>(f, exact, 0.99, 1.01), this->allowed(1));
    EXPECT_EQ(at<T>(f, 1), T{0});
    EXPECT_EQ(at<T>(f, 0), -this->inf);
    EXPECT_EQ(at<T>(f, this->inf), this->inf);
    EXPECT_TRUE(std::isnan(at<T>(f, -1)));
    EXPECT_TRUE(std::isnan(at<T>(f, -this->inf)));
    EXPECT_TRUE(std::isnan(at<T>(f, this->nan)));
  });
}

TYPED_TEST(SimdMath, Log1p) {
  using T = TypeParam;
  const Map<T> f = log1p_on;
  const auto exact = [](long double x) { return std::log1p(x); };
  this->on_every_target([&] {
    EXPECT_LE(worst<T>(f, exact, 1e-30, 1e30), this->allowed(2));
    EXPECT_LE(worst<T>(f, exact, -0.9999, -1e-30), this->allowed(2));
    EXPECT_LE(worst<T>(f, exact, -0.5, 2), this->allowed(2));
    EXPECT_EQ(at<T>(f, 0), T{0});
    EXPECT_EQ(at<T>(f, -1), -this->inf);
    EXPECT_EQ(at<T>(f, this->inf), this->inf);
    EXPECT_TRUE(std::isnan(at<T>(f, -2)));
    EXPECT_TRUE(std::isnan(at<T>(f, this->nan)));
  });
}

TYPED_TEST(SimdMath, Sigmoid) {
  using T = TypeParam;
  const Map<T> f = sigmoid_on;
  const auto exact = [](long double x) { return 1 / (1 + std::exp(-x)); };
  this->on_every_target([&] {
    EXPECT_LE(worst<T>(f, exact, this->f32 ? -86 : -700, 50), this->allowed(2));
    EXPECT_LE(worst<T>(f, exact, -2, 2), this->allowed(2));
    EXPECT_EQ(at<T>(f, 0), T{0.5});
    EXPECT_EQ(at<T>(f, -this->inf), T{0});
    EXPECT_EQ(at<T>(f, this->inf), T{1});
    EXPECT_TRUE(std::isnan(at<T>(f, this->nan)));
  });
}

TYPED_TEST(SimdMath, Tanh) {
  using T = TypeParam;
  const Map<T> f = tanh_on;
  const auto exact = [](long double x) { return std::tanh(x); };
  this->on_every_target([&] {
    EXPECT_LE(worst<T>(f, exact, -30, 30), this->allowed(4));
    EXPECT_LE(worst<T>(f, exact, 1e-30, 2), this->allowed(4));
    EXPECT_EQ(at<T>(f, this->inf), T{1});
    EXPECT_EQ(at<T>(f, -this->inf), T{-1});
    EXPECT_TRUE(std::signbit(at<T>(f, T{-0.0})));
    EXPECT_TRUE(std::isnan(at<T>(f, this->nan)));
  });
}

TYPED_TEST(SimdMath, Erf) {
  using T = TypeParam;
  const Map<T> f = erf_on;
  const auto exact = [](long double x) { return std::erf(x); };
  this->on_every_target([&] {
    EXPECT_LE(worst<T>(f, exact, -8, 8), this->allowed(2.5));
    EXPECT_LE(worst<T>(f, exact, 0.9, 1.1), this->allowed(2.5));
    EXPECT_LE(worst<T>(f, exact, 1e-30, 2), this->allowed(2.5));
    EXPECT_EQ(at<T>(f, this->inf), T{1});
    EXPECT_EQ(at<T>(f, -this->inf), T{-1});
    EXPECT_TRUE(std::isnan(at<T>(f, this->nan)));
  });
}

TYPED_TEST(SimdMath, SinAndCos) {
  using T = TypeParam;
  this->on_every_target([&] {
    const auto sine = [](long double x) { return std::sin(x); };
    const auto cosine = [](long double x) { return std::cos(x); };
    for (const double range : {1.5, 100., 39000.}) {
      EXPECT_LE(worst<T>(sin_on, sine, -range, range), this->allowed(3)) << range;
      EXPECT_LE(worst<T>(cos_on, cosine, -range, range), this->allowed(3)) << range;
    }
    EXPECT_TRUE(std::isnan(at<T>(sin_on, this->nan)));
  });
}

}  // namespace
}  // namespace lw
#endif  // HWY_ONCE
