#include "autograd/ops/discretize.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "tests/compare.h"
#include "tests/reference/discretize.h"

namespace lw {
namespace {

using reference::complex_at;
using reference::complex_noise;

TEST(Discretize, AgreesWithTheReference) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto method : reference::discretizations)
      for (const int64_t channels : {0, 1, 33}) {
        const Tensor dt = reference::steps(channels, dtype);
        const Tensor A = reference::stable_poles(channels, 31, dtype, 1);
        const Tensor B = complex_noise({channels, 31}, dtype, 2);
        const auto [Abar, Bbar] = discretize(dt, A, B, method);
        const double tolerance = dtype == DType::f32 ? 1e-7 : 1e-15;
        for (int64_t h = 0; h < channels; ++h)
          for (int64_t n = 0; n < 31; ++n) {
            const auto expected =
                reference::discretize(method, dt.at({h}), complex_at(A, h, n), complex_at(B, h, n));
            EXPECT_LE(std::abs(complex_at(Abar.value(), h, n) - expected.Abar),
                      tolerance * std::abs(expected.Abar) * 4);
            EXPECT_LE(std::abs(complex_at(Bbar.value(), h, n) - expected.Bbar),
                      tolerance * std::abs(expected.Bbar) * 4);
          }
      }
}

TEST(Discretize, GradientsAgreeWithCentralDifferences) {
  for (const auto method : reference::discretizations)
    for (const double scale : {1., 40.}) {
      // z on both sides of the switch to the series
      const Tensor dt = reference::steps(5, DType::f64, scale);
      const auto f = [&](const Variables& v) {
        const auto [Abar, Bbar] = discretize(v[0], v[1], v[2], method);
        return Variables{Abar, Bbar};
      };
      check_gradients(f, {dt, reference::stable_poles(5, 4, DType::f64, 1),
                          complex_noise({5, 4}, DType::f64, 2)});
      check_gradients(f, {dt, reference::stable_poles(5, 4, DType::f64, 1), Tensor()});
    }
}

TEST(Discretize, ZeroOrderHoldIsContinuousAtZero) {
  const Tensor dt = Tensor::full({1}, 0.1, DType::f64);
  const auto [Abar, Bbar] = discretize(dt, Tensor::zeros({1, 1}, DType::c128));
  EXPECT_EQ(complex_at(Abar.value(), 0, 0), 1.);
  EXPECT_EQ(complex_at(Bbar.value(), 0, 0), 0.1);
}

TEST(Discretize, RefusesPolesOfAnotherPrecision) {
  EXPECT_EQ(testing::error_of([] {
              discretize(Tensor::zeros({3}), Tensor::zeros({3, 2}, DType::c128));
            }),
            "discretize: `A` is c128, expected c64");
}

}  // namespace
}  // namespace lw
