#include "kernels/inverse/inverse.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/inverse/inverse_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<double>;

/// A matrix in work: rows of whole vectors, of which the last may have lanes beyond N.
struct Matrix {
  int64_t N, lanes = static_cast<int64_t>(hn::Lanes(D())), pitch = (N + lanes - 1) / lanes * lanes;
  std::vector<double> elements = std::vector<double>(static_cast<size_t>(N * pitch));
  std::vector<double> column = std::vector<double>(static_cast<size_t>(N));
  std::vector<int64_t> pivots = std::vector<int64_t>(static_cast<size_t>(N));

  double* row(int64_t i) { return elements.data() + i * pitch; }

  /// Of the rows from k on, the one whose element in column k is largest.
  int64_t pivot_of(int64_t k) {
    int64_t best = k;
    for (int64_t i = k + 1; i < N; ++i)
      if (std::abs(row(i)[k]) > std::abs(row(best)[k])) best = i;
    return best;
  }

  /// row(i) -= column[i] row(k), for `kVectors` vectors from element j on.
  template <int kVectors>
  HWY_INLINE void eliminate(int64_t k, int64_t j) {
    const D d;
    hn::Vec<D> pivot[kVectors];
    for (int v = 0; v < kVectors; ++v) pivot[v] = hn::LoadU(d, row(k) + j + v * lanes);
    for (int64_t i = 0; i < N; ++i) {
      const auto factor = hn::Set(d, column[static_cast<size_t>(i)]);
      for (int v = 0; v < kVectors; ++v) {
        double* to = row(i) + j + v * lanes;
        hn::StoreU(hn::NegMulAdd(factor, pivot[v], hn::LoadU(d, to)), d, to);
      }
    }
  }

  /// Gauss and Jordan's elimination in place: column k, once it is eliminated, holds what becomes of
  /// unit vector k.
  void invert() {
    for (int64_t k = 0; k < N; ++k) {
      const int64_t p = pivots[static_cast<size_t>(k)] = pivot_of(k);
      if (p != k) std::swap_ranges(row(k), row(k) + N, row(p));
      const double scale = 1 / row(k)[k];
      row(k)[k] = 1;
      for (int64_t j = 0; j < N; ++j) row(k)[j] *= scale;
      for (int64_t i = 0; i < N; ++i) {
        double& factor = column[static_cast<size_t>(i)] = 0;
        if (i != k) std::swap(factor, row(i)[k]);
      }
      int64_t j = 0;
      for (; j + 4 * lanes <= pitch; j += 4 * lanes) eliminate<4>(k, j);
      for (; j < pitch; j += lanes) eliminate<1>(k, j);
    }
    for (int64_t k = N - 1; k >= 0; --k)
      if (const int64_t p = pivots[static_cast<size_t>(k)]; p != k)
        for (int64_t i = 0; i < N; ++i) std::swap(row(i)[k], row(i)[p]);
  }
};

template <class T>
void inverse_of(const Tensor& M_, Tensor& X_) {
  const auto M = M_.view<const T, 3>();
  const auto X = X_.view<T, 3>();
  const int64_t N = M.sizes[1];
  const int64_t grain = std::max<int64_t>(1, 400'000 / (2 * N * N * N + 1));
  parallel_for(M.sizes[0], grain, [&](int64_t begin, int64_t end) {
    Matrix work{.N = N};
    for (int64_t b = begin; b < end; ++b) {
      for (int64_t i = 0; i < N; ++i) std::copy_n(&M(b, i, 0), N, work.row(i));
      work.invert();
      for (int64_t i = 0; i < N; ++i)
        std::transform(work.row(i), work.row(i) + N, &X(b, i, 0),
                       [](double x) { return static_cast<T>(x); });
    }
  });
}

void inverse_of_any(const Tensor& M, Tensor& X) {
  for_float("inverse", M.dtype(),
            [&](auto tag) { inverse_of<typename decltype(tag)::type>(M, X); });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(inverse_of_any);

void inverse_cpu(const Tensor& M, Tensor& X) { HWY_DYNAMIC_DISPATCH(inverse_of_any)(M, X); }

const Implementation cpu{inverse, DeviceKind::cpu, &inverse_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
