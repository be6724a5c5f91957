// FftPlan: what a transform of one length needs to know: its stages, and tables of roots of unity.
//
// Tables are computed in double, each root reduced to the first octant in integers, and rounded
// once; every entry is correct to about half a unit in the last place whatever the length. A plan
// is made on first use and kept for the life of the program.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

namespace lw::kernels {

/// The smallest 2^a 3^b 5^c >= n; 1 for n <= 1. It is at most 7 % above n for 500 <= n <= 2^22.
int64_t next_fast_length(int64_t n);

/// e^{2 pi i numerator / denominator}, for any numerator and 0 < denominator < 2^59.
std::complex<double> root_of_unity(int64_t numerator, int64_t denominator);

template <class T>
struct FftPlan {
  /// A pass that turns each block of n points into `radix` blocks of n / radix.
  struct Stage {
    int radix;
    int64_t n;
    /// e^{-2 pi i q j / n} for j = 0 .. n/radix - 1 and q = 1 .. radix - 1, real and imaginary part
    /// alternating
    const T* twiddles;
  };

  /// Throws Error unless n = 2^a 3^b 5^c.
  explicit FftPlan(int64_t n);
  FftPlan(const FftPlan&) = delete;

  int64_t n;
  std::vector<Stage> stages;       ///< at least one; their radices multiply to n
  std::vector<T> right_angle;      ///< e^{i pi t / (2 n)}, t = 0 .. n-1, parts alternating
  std::vector<int64_t> frequency;  ///< which frequency stands at a position after the last stage

 private:
  std::vector<T> twiddles_;
};

/// The plan for a length. Thread-safe.
template <class T>
const FftPlan<T>& fft_plan(int64_t n);

}  // namespace lw::kernels
