#include "autograd/ops/inverse.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "core/random.h"
#include "layers/hippo.h"
#include "tests/compare.h"
#include "tests/reference/inverse.h"

namespace lw {
namespace {

Tensor matrices(int64_t batch, int64_t N, DType dtype) {
  return Random(1).normal({batch, N, N}, 0, 1, dtype);
}

Tensor identity(int64_t N) {
  std::vector<double> values(static_cast<size_t>(N * N));
  for (int64_t i = 0; i < N; ++i) values[static_cast<size_t>(i * (N + 1))] = 1;
  return Tensor::from({1, N, N}, values);
}

TEST(Inverse, AgreesWithTheReference) {
  for (const auto& [batch, N] : {std::pair<int64_t, int64_t>{3, 1},
                                 {2, 2},
                                 {5, 7},
                                 {1, 31},
                                 {2, 32},
                                 {1, 33},
                                 {1, 63},
                                 {0, 4},
                                 {4, 0}})
    for (const DType dtype : {DType::f32, DType::f64}) {
      SCOPED_TRACE(str(batch, " ", N, " ", dtype));
      const Tensor M = matrices(batch, N, dtype), expected = reference::inverse(M);
      testing::expect_close(inverse(M).value(), expected, dtype == DType::f32 ? 1e-6 : 1e-10);
    }
}

TEST(Inverse, IsExactToTheRoundingOfItsResult) {
  // I - dt/2 A of LegS, a condition of some thousand: f32 arithmetic would lose half its digits
  const int64_t N = 64;
  const Tensor A = Tensor::from({1, N, N}, hippo("legs", N).A);
  const Tensor M = (identity(N) - Variable(A) * 0.05).value().to(DType::f32);
  testing::expect_close(inverse(M).value(), reference::inverse(M), 1e-7);
}

TEST(Inverse, PivotsWhereADiagonalIsZero) {
  const Tensor M = Tensor::from({2, 3, 3}, std::vector<double>{0, 2, 0, 0, 0, 4, 1, 0, 0,  //
                                                               0, 0, 1, 0, 1, 0, 1, 0, 0});
  const Tensor X = inverse(M).value();
  EXPECT_EQ(X.select(0, 0).to_vector(), (std::vector<double>{0, 0, 1, .5, 0, 0, 0, .25, 0}));
  EXPECT_EQ(X.select(0, 1).to_vector(), M.select(0, 1).to_vector());
}

TEST(Inverse, TakesSlicesAndLeadingAxes) {
  const Tensor wide = matrices(6, 10, DType::f64);
  const Tensor M = wide.slice(2, 1, 10).slice(1, 0, 9);
  EXPECT_TRUE(testing::same_bits(inverse(M).value(), inverse(M.contiguous()).value()));
  const Tensor whole = matrices(6, 5, DType::f64), nested = whole.reshape({2, 3, 5, 5});
  EXPECT_TRUE(
      testing::same_bits(inverse(nested).value().reshape({6, 5, 5}), inverse(whole).value()));
}

TEST(Inverse, GradientsAgreeWithCentralDifferences) {
  for (const int64_t N : {1, 2, 5, 17}) {
    // well conditioned, so that differences are
    const Tensor M =
        (matrices(2, N, DType::f64) * Variable(Tensor::scalar(0.1, DType::f64)) + identity(N))
            .value();
    check_gradients([](const Variables& v) { return inverse(v[0]); }, {M});
  }
}

TEST(Inverse, OfASingularMatrixIsNotFinite) {
  EXPECT_FALSE(inverse(Tensor::zeros({2, 3, 3})).value().all_finite());
}

TEST(Inverse, HasTheSameBitsOnAnyNumberOfThreads) {
  const Tensor M = matrices(40, 17, DType::f32);
  testing::expect_same_on_any_threads([&] {
    const Variable x(M, true);
    const Variable y = inverse(x);
    y.backward(Tensor::full(M.shape(), 1));
    return Tensors{y.value(), x.grad()};
  });
}

TEST(Inverse, RefusesWhatIsNotSquare) {
  EXPECT_EQ(testing::error_of([] {
              inverse(Tensor::zeros({2, 3, 4}));
            }),
            "inverse: expected square matrices [..., N, N], received f32 [2, 3, 4]");
}

}  // namespace
}  // namespace lw
