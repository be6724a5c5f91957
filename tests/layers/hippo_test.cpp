#include "layers/hippo.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "tests/compare.h"

namespace lw {
namespace {

using std::numbers::pi;

double at(const Hippo& h, int64_t n, int64_t k) { return h.A[static_cast<size_t>(n * h.N + k)]; }

/// A function of s and its derivative, one pair for each coefficient n.
struct Basis {
  std::vector<double> value, slope;
};

/// e^{sA} B is the one function with f(0) = B and f' = A f.
void expect_solves(const Hippo& h, const std::function<Basis(double)>& basis, double tolerance) {
  const std::vector<double> start = basis(0).value;
  for (int64_t n = 0; n < h.N; ++n) EXPECT_NEAR(start[n], h.B[n], tolerance) << n;
  for (const double s : {0., 0.1, 0.77, 2.5}) {
    const Basis f = basis(s);
    for (int64_t n = 0; n < h.N; ++n) {
      double sum = 0, scale = 1;
      for (int64_t k = 0; k < h.N; ++k) {
        sum += at(h, n, k) * f.value[k];
        scale += std::abs(at(h, n, k) * f.value[k]);
      }
      EXPECT_NEAR(f.slope[n], sum, tolerance * scale) << "n = " << n << ", s = " << s;
    }
  }
}

TEST(Hippo, LegSIsTheBasisOfWarpedLegendrePolynomials) {
  for (const int64_t N : {1, 2, 31, 64})
    expect_solves(
        hippo("legs", N),
        [N](double s) {
          const double x = 2 * std::exp(-s) - 1;
          std::vector<double> p{1, x}, slope{0, 1};
          for (int64_t n = 1; n < N; ++n) {
            p.push_back(((2 * n + 1) * x * p[n] - n * p[n - 1]) / (n + 1));
            slope.push_back(slope[n - 1] + (2 * n + 1) * p[n]);
          }
          Basis f;
          for (int64_t n = 0; n < N; ++n) {
            const double r = std::sqrt(2 * n + 1), e = std::exp(-s);
            f.value.push_back(e * r * p[n]);
            f.slope.push_back(-e * r * p[n] - 2 * e * e * r * slope[n]);
          }
          return f;
        },
        1e-12);
}

TEST(Hippo, LagTIsTheBasisOfLaguerreFunctions) {
  constexpr int64_t N = 33;
  expect_solves(
      hippo("lagt", N),
      [](double s) {
        std::vector<double> L{1, 1 - s}, slope{0, -1};
        for (int64_t n = 1; n < N; ++n) {
          L.push_back(((2 * n + 1 - s) * L[n] - n * L[n - 1]) / (n + 1));
          slope.push_back(slope[n] - L[n]);
        }
        Basis f;
        for (int64_t n = 0; n < N; ++n) {
          f.value.push_back(std::exp(-s / 2) * L[n]);
          f.slope.push_back(std::exp(-s / 2) * (slope[n] - L[n] / 2));
        }
        return f;
      },
      1e-12);
}

TEST(Hippo, GeneralisedLagTIsTheBasisOfGeneralisedLaguerreFunctions) {
  constexpr int64_t N = 21;
  for (const auto& [alpha, beta] : {std::pair{0., 0.01}, {0.3, 0.4}, {-0.5, 1.}, {0.9, 2.}})
    expect_solves(
        hippo_glagt(N, alpha, beta),
        [alpha = alpha, beta = beta](double s) {
          std::vector<double> L{1, 1 + alpha - s}, slope{0, -1};
          for (int64_t n = 1; n < N; ++n) {
            L.push_back(((2 * n + 1 + alpha - s) * L[n] - (n + alpha) * L[n - 1]) / (n + 1));
            slope.push_back(slope[n] - L[n]);
          }
          Basis f;
          const double c = std::sqrt(std::pow(beta, 1 - alpha) / std::tgamma(1 - alpha));
          const double fade = std::exp(-(1 + beta) * s / 2);
          for (int64_t n = 0; n < N; ++n) {
            const double h = std::sqrt(std::tgamma(n + alpha + 1) / std::tgamma(n + 1));
            f.value.push_back(c * fade * L[n] / h);
            f.slope.push_back(c * fade * (slope[n] - (1 + beta) / 2 * L[n]) / h);
          }
          return f;
        },
        1e-12);
  EXPECT_EQ(hippo("glagt", 5).A, hippo_glagt(5, 0, 0.01).A);
}

TEST(Hippo, FouDIsTheDecayingFourierBasis) {
  constexpr int64_t N = 32;
  expect_solves(
      hippo("foud", N),
      [](double s) {
        Basis f{{std::exp(-s / 2), 0}, {-std::exp(-s / 2) / 2, 0}};
        for (int64_t k = 1; k < N / 2; ++k) {
          const double w = 2 * pi * static_cast<double>(k),
                       e = std::exp(-s / 2) * std::numbers::sqrt2;
          const double c = e * std::cos(w * s), sine = e * std::sin(w * s);
          f.value.insert(f.value.end(), {c, sine});
          f.slope.insert(f.slope.end(), {-w * sine - c / 2, w * c - sine / 2});
        }
        return f;
      },
      1e-12);
}

// Where u is a polynomial of degree below N the window knows it exactly: with u(t-s) = sum_n x_n r_n
// P_n(1-2s), the coefficients of du/dt(t-s) must be A x + B u(t).
TEST(Hippo, LegTFollowsPolynomialsExactly) {
  const Hippo h = hippo("legt", 33);
  for (int64_t m = 0; m < h.N; ++m)
    for (int64_t k = 0; k < h.N; ++k) {
      const double rr = std::sqrt((2 * m + 1) * (2 * k + 1));
      // d/dt P_k(1-2s) = 2 P_k', and P_k' = sum over m = k-1, k-3, ... of (2m+1) P_m
      const double expected = m < k && (k - m) % 2 == 1 ? 2 * rr : 0;
      EXPECT_NEAR(at(h, m, k) + h.B[m] * std::sqrt(2 * k + 1), expected, 1e-12);
    }
}

TEST(Hippo, LmuIsLegTInAnotherScaling) {
  const Hippo lmu = hippo("lmu", 12), legt = hippo("legt", 12), half = hippo("legt_half", 12);
  const auto scale = [](int64_t n) { return std::sqrt(2 * n + 1) * (n % 2 ? -1 : 1); };
  for (int64_t n = 0; n < 12; ++n) {
    EXPECT_NEAR(lmu.B[n], scale(n) * legt.B[n], 1e-12);
    EXPECT_EQ(half.B[n], legt.B[n] / 2);
    for (int64_t k = 0; k < 12; ++k) {
      EXPECT_NEAR(at(lmu, n, k), scale(n) * at(legt, n, k) / scale(k), 1e-12);
      EXPECT_EQ(at(half, n, k), at(legt, n, k) / 2);
    }
  }
}

TEST(Hippo, FourierWindowsForgetThroughOneDirection) {
  const Hippo fout = hippo("fout", 6), two = hippo("fourier2", 6);
  const double r = std::numbers::sqrt2;
  EXPECT_EQ(fout.B, (std::vector<double>{1, 0, r, 0, r, 0}));
  EXPECT_EQ(two.B, (std::vector<double>{2, 0, 2 * r, 0, 2 * r, 0}));
  for (int64_t n = 0; n < 6; ++n)
    for (int64_t k = 0; k < 6; ++k) {
      const double turn = n / 2 != k / 2 || n == k ? 0 : (n > k ? pi : -pi) * (n / 2);
      EXPECT_NEAR(at(fout, n, k), turn - fout.B[n] * fout.B[k], 1e-14);
      EXPECT_NEAR(at(two, n, k), 2 * turn - 2 * fout.B[n] * fout.B[k], 1e-14);
    }
}

TEST(Hippo, BaselinesAreScaled) {
  constexpr int64_t N = 48;
  const Random random(3);
  const Hippo dense = hippo("random", N, random);
  // |A + I|^l stays near 1: power iteration on G / |G|, whose spectral radius is 1.
  std::vector<double> x(N, 1);
  double growth = 0;
  constexpr int64_t turns = 4000;
  for (int64_t l = 0; l < turns; ++l) {
    std::vector<double> next(N);
    double norm = 0;
    for (int64_t n = 0; n < N; ++n) {
      for (int64_t k = 0; k < N; ++k) next[n] += (at(dense, n, k) + (n == k)) * x[k];
      norm += next[n] * next[n];
    }
    growth += std::log(std::sqrt(norm)) / turns;
    for (double& value : next) value /= std::sqrt(norm);
    x = next;
  }
  EXPECT_NEAR(growth, 0, 2e-3);
  EXPECT_EQ(dense.A, hippo("random", N, random).A);
  EXPECT_NE(dense.A, hippo("random", N, Random(4)).A);

  const Hippo diagonal = hippo("diagonal", N, random);
  for (int64_t n = 0; n < N; ++n)
    for (int64_t k = 0; k < N; ++k)
      EXPECT_TRUE(n == k ? at(diagonal, n, k) < 0 : at(diagonal, n, k) == 0);
}

TEST(Hippo, FourierDecayEchoesByAThird) {
  constexpr int64_t N = 256;
  const DenseSystem sampled = discretize(static_cast<const DenseSystem&>(hippo("fourier_decay", N)),
                                         sampling_rule("zoh"), 0.25);
  std::vector<double> x = discretize(static_cast<const DenseSystem&>(hippo("fourier_decay", N)),
                                     sampling_rule("zoh"), 1e-9)
                              .B;
  for (double& value : x) value *= 1e9;  // B, turned on for an instant
  for (int64_t quarter = 1; quarter <= 22; ++quarter) {
    std::vector<double> next(N);
    for (int64_t n = 0; n < N; ++n)
      for (int64_t k = 0; k < N; ++k) next[n] += sampled.A[n * N + k] * x[k];
    x = next;
    if (quarter % 8 != 0) {
      EXPECT_NEAR(x[0], std::pow(1. / 3, quarter / 8 + 1), 0.02) << quarter;
    }
  }
}

TEST(Nplr, OneCorrectionForEachMeasure) {
  for (const std::string& measure : hippo_measures()) {
    constexpr int64_t N = 40;
    const Hippo h = hippo(measure, N);
    const bool none = measure == "lmu" || measure == "random" || measure == "diagonal";
    ASSERT_EQ(h.correction.has_value(), !none) << measure;
    if (none) continue;
    const LowRankCorrection& c = *h.correction;
    const auto S = [&](int64_t n, int64_t k) {
      double sum = at(h, n, k) - (n == k ? c.shift : 0);
      for (int64_t r = 0; r < c.rank; ++r) sum += c.P[r * N + n] * c.P[r * N + k];
      return sum;
    };
    for (int64_t n = 0; n < N; ++n)
      for (int64_t k = 0; k <= n; ++k)
        EXPECT_NEAR(S(n, k) + S(k, n), 0, 1e-12) << measure << " " << n << " " << k;
  }
}

TEST(Nplr, GivesTheMatricesBack) {
  for (const char* measure : {"legs", "legsd", "lagt", "glagt", "legt", "legt_half", "fout",
                              "fourier2", "fourier_decay", "foud"})
    for (const int64_t N : {2, 4, 64}) {
      SCOPED_TRACE(str(measure, " ", N));
      const Hippo h = hippo(measure, N);
      const Nplr d = nplr(measure, N);
      const int64_t half = N / 2;
      EXPECT_EQ(d.rank, h.correction->rank);
      double largest = 1;
      for (const double a : h.A) largest = std::max(largest, std::abs(a));
      const auto V = [&](int64_t n, int64_t k) { return d.V[static_cast<size_t>(n * half + k)]; };

      for (int64_t n = 0; n < N; ++n) {
        double b = 0;
        for (int64_t k = 0; k < half; ++k) b += 2 * (V(n, k) * d.B[k]).real();
        EXPECT_NEAR(b, h.B[n], 1e-12 * largest);
        std::vector<double> p(static_cast<size_t>(d.rank) * N);
        for (int64_t m = 0; m < N; ++m) {
          double a = 0;
          for (int64_t k = 0; k < half; ++k)
            a += 2 * (V(n, k) * d.lambda[k] * conj(V(m, k))).real();
          for (int64_t r = 0; r < d.rank; ++r) {
            double left = 0, right = 0;
            for (int64_t k = 0; k < half; ++k) {
              left += 2 * (V(n, k) * d.P[r * half + k]).real();
              right += 2 * (V(m, k) * d.P[r * half + k]).real();
            }
            a -= left * right;
          }
          EXPECT_NEAR(a, at(h, n, m), 1e-12 * largest) << n << " " << m;
        }
      }
      for (int64_t j = 0; j < half; ++j) {
        EXPECT_GE(d.lambda[j].imag(), 0);
        if (j > 0) {
          EXPECT_GT(d.lambda[j].imag(), d.lambda[j - 1].imag());
        }
        complex128 largest_entry = 0;
        for (int64_t k = 0; k < half; ++k) {
          complex128 product = 0, transposed = 0;
          for (int64_t n = 0; n < N; ++n) {
            product += conj(V(n, j)) * V(n, k);
            transposed += V(n, j) * V(n, k);
          }
          EXPECT_NEAR(std::abs(product - (j == k ? 1. : 0.)), 0, 1e-12);
          EXPECT_NEAR(std::abs(transposed), 0, 1e-12);
        }
        for (int64_t n = 0; n < N; ++n)
          if (std::abs(V(n, j)) > std::abs(largest_entry) + 1e-9) largest_entry = V(n, j);
        EXPECT_NEAR(largest_entry.imag(), 0, 1e-14);
        EXPECT_GT(largest_entry.real(), 0);
      }
    }
}

TEST(DiagonalLambda, FollowsItsFormula) {
  const Random random(1);
  const auto expect_frequencies = [&](const char* init, std::vector<double> expected) {
    const auto lambda = diagonal_lambda(init, 6, random);
    ASSERT_EQ(lambda.size(), expected.size());
    for (size_t n = 0; n < expected.size(); ++n) {
      EXPECT_EQ(lambda[n].real(), -0.5);
      EXPECT_NEAR(lambda[n].imag(), expected[n], 1e-13) << init;
    }
  };
  expect_frequencies("lin", {0, pi, 2 * pi});
  expect_frequencies("inv", {30 / pi, 6 / pi, 6 * 0.2 / pi});
  expect_frequencies("inv2", {30 / pi, 12 / pi, 6 / pi});
  expect_frequencies("quad", {1 / pi, 9 / pi, 25 / pi});
  EXPECT_EQ(diagonal_lambda("real", 3, random), (std::vector<complex128>{-1, -2, -3}));
  EXPECT_EQ(diagonal_lambda("random", 4, random)[1],
            complex128(-0.5, std::exp(random.normal_at(1))));
  const auto legs = diagonal_lambda("legs", 64, random);
  EXPECT_NEAR(legs[0].imag(), 0.264, 1e-3);
  EXPECT_NEAR(legs[2].imag(), 1.703, 1e-3);
  EXPECT_NEAR(legs[31].imag(), 1303, 1);
}

TEST(Hippo, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(
      testing::error_of([] { hippo("leg", 4); }),
      "hippo: unknown measure `leg`, expected one of: legs legsd lagt glagt legt legt_half lmu "
      "fout fourier2 fourier_decay foud random diagonal fourier fourier_diag; did you mean "
      "`legs`?");
  EXPECT_EQ(
      testing::error_of([] { nplr("lmu", 4); }),
      "nplr: lmu is not normal plus low rank in its scaling; use legt, the same system in the "
      "orthonormal one");
  EXPECT_EQ(testing::error_of([] { nplr("random", 4); }),
            "nplr: random is not normal plus low rank");
  EXPECT_EQ(testing::error_of([] { hippo_glagt(4, 1, 1); }),
            "hippo_glagt: expected alpha between -1 and 1, received 1");
  EXPECT_EQ(testing::error_of([] { hippo_glagt(4, 0, 0); }),
            "hippo_glagt: expected a positive beta, received 0");
  EXPECT_EQ(testing::error_of([] { nplr("legs", 5); }),
            "nplr: expected an even N, of conjugate pairs, received 5");
}

}  // namespace
}  // namespace lw
