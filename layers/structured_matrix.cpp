#include "layers/structured_matrix.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace lw {
namespace {

/// A = diag(d) + tril(p q^T, -1) + triu(g h^T, 1)
struct Separable final : StructuredMatrix {
  const int64_t N;
  std::vector<double> d, p, q, g, h;

  explicit Separable(int64_t size) : N(size), d(N), p(N), q(N), g(N), h(N) {}

  void multiply(std::vector<double>& x, int64_t columns) const override {
    std::vector<double> after(static_cast<size_t>(columns)), before(after);
    // The sums of h x over later rows stay in `later` until the sums over earlier rows meet them.
    std::vector<double> later(x.size());
    for (int64_t n = N - 1; n >= 0; --n)
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t i = n * columns + c;
        later[i] = after[c];
        after[c] += h[n] * x[i];
      }
    for (int64_t n = 0; n < N; ++n)
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t i = n * columns + c;
        const double value = x[i];
        x[i] = d[n] * value + p[n] * before[c] + g[n] * later[i];
        before[c] += q[n] * value;
      }
  }

  // After n rows of Gaussian elimination on I - a A the rest of it is still separable, with q - phi h
  // in the place of q and g - p phi in that of g: one number, phi, holds what elimination did.
  void solve(double a, std::vector<double>& x, int64_t columns) const override {
    std::vector<double> pivot(static_cast<size_t>(N)), upper(pivot);
    std::vector<double> sum(static_cast<size_t>(columns));
    double phi = 0;
    for (int64_t n = 0; n < N; ++n) {
      const double lower = q[n] - phi * h[n];
      upper[n] = -a * (g[n] - p[n] * phi);
      pivot[n] = 1 - a * d[n] + a * p[n] * phi * h[n];
      for (int64_t c = 0; c < columns; ++c) {
        double& value = x[n * columns + c];
        value += a * p[n] * sum[c];
        sum[c] += lower / pivot[n] * value;
      }
      phi += lower * upper[n] / pivot[n];
    }
    sum.assign(sum.size(), 0);
    for (int64_t n = N - 1; n >= 0; --n)
      for (int64_t c = 0; c < columns; ++c) {
        double& value = x[n * columns + c];
        value = (value - upper[n] * sum[c]) / pivot[n];
        sum[c] += h[n] * value;
      }
  }
};

/// A = S - b b^T, b = (1, 0, sqrt 2, 0, sqrt 2, ...), S_{2k+1,2k} = -S_{2k,2k+1} = pi k
class Rotations final : public StructuredMatrix {
 public:
  explicit Rotations(int64_t N) : N_(N) {}

  void multiply(std::vector<double>& x, int64_t columns) const override {
    for (int64_t c = 0; c < columns; ++c) {
      const double along = along_b(x, columns, c);
      for (int64_t k = 0; 2 * k < N_; ++k) {
        double &even = x[2 * k * columns + c], &odd = x[(2 * k + 1) * columns + c];
        const double turn = frequency(k), before = even;
        even = -turn * odd - b(k) * along;
        odd = turn * before;
      }
    }
  }

  // I - a A = E + a b b^T with E = I - a S: x <- E^-1 x - a E^-1 b (b^T E^-1 x) / (1 + a b^T E^-1 b)
  void solve(double a, std::vector<double>& x, int64_t columns) const override {
    std::vector<double> turned_b(static_cast<size_t>(N_));
    for (int64_t k = 0; 2 * k < N_; ++k) turned_b[2 * k] = b(k);
    turn_back(a, turned_b, 1);
    turn_back(a, x, columns);
    const double scale = a / (1 + a * along_b(turned_b, 1, 0));
    for (int64_t c = 0; c < columns; ++c) {
      const double along = scale * along_b(x, columns, c);
      for (int64_t n = 0; n < N_; ++n) x[n * columns + c] -= along * turned_b[n];
    }
  }

 private:
  static double b(int64_t k) { return k == 0 ? 1 : std::numbers::sqrt2; }
  static double frequency(int64_t k) { return std::numbers::pi * static_cast<double>(k); }

  double along_b(const std::vector<double>& x, int64_t columns, int64_t c) const {
    double sum = 0;
    for (int64_t k = 0; 2 * k < N_; ++k) sum += b(k) * x[2 * k * columns + c];
    return sum;
  }

  /// x <- (I - a S)^-1 x
  void turn_back(double a, std::vector<double>& x, int64_t columns) const {
    for (int64_t k = 0; 2 * k < N_; ++k) {
      const double turn = a * frequency(k), scale = 1 / (1 + turn * turn);
      for (int64_t c = 0; c < columns; ++c) {
        double &even = x[2 * k * columns + c], &odd = x[(2 * k + 1) * columns + c];
        const double before = even;
        even = scale * (before - turn * odd);
        odd = scale * (odd + turn * before);
      }
    }
  }

  int64_t N_;
};

}  // namespace

std::unique_ptr<StructuredMatrix> structured_hippo(std::string_view measure, int64_t N) {
  if (measure == "fout") return std::make_unique<Rotations>(N);
  check(measure == "legs" || measure == "lagt" || measure == "legt" || measure == "lmu",
        "structured_hippo: expected legs, lagt, legt, lmu or fout, received ", measure);
  auto A = std::make_unique<Separable>(N);
  for (int64_t n = 0; n < N; ++n) {
    const auto odd = static_cast<double>(2 * n + 1);
    const double r = std::sqrt(odd), sign = n % 2 == 0 ? 1 : -1;
    if (measure == "legs") {
      A->d[n] = -static_cast<double>(n + 1), A->p[n] = -r, A->q[n] = r;
    } else if (measure == "lagt") {
      A->d[n] = -0.5, A->p[n] = -1, A->q[n] = 1;
    } else if (measure == "legt") {
      A->d[n] = -odd, A->p[n] = -r, A->q[n] = r, A->g[n] = -sign * r, A->h[n] = sign * r;
    } else {
      A->d[n] = -odd, A->p[n] = -sign * odd, A->q[n] = sign, A->g[n] = -odd, A->h[n] = 1;
    }
  }
  return A;
}

}  // namespace lw
