#include "kernels/fft/fft_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <numbers>
#include <utility>

#include "core/error.h"

namespace lw::kernels {
namespace {

/// The radices of the stages, large ones first: they leave blocks that fit a cache soonest.
std::vector<int> radices_of(int64_t n) {
  int64_t rest = n;
  const auto divide = [&rest](int prime) {
    int power = 0;
    for (; rest % prime == 0; rest /= prime) ++power;
    return power;
  };
  int twos = divide(2);
  const int threes = divide(3), fives = divide(5);
  check(n >= 1 && rest == 1, "fft: expected a length of the form 2^a 3^b 5^c, received ", n,
        "\n  pad to ", next_fast_length(n));
  int eights = twos / 3, fours = 0;
  twos %= 3;
  if (twos == 1 && eights > 0) --eights, fours = 2, twos = 0;  // 16 = 4 * 4, not 8 * 2
  if (twos == 2) fours = 1, twos = 0;

  std::vector<int> radices;
  for (const auto& [radix, count] :
       {std::pair(8, eights), {5, fives}, {4, fours}, {3, threes}, {2, twos}})
    radices.insert(radices.end(), static_cast<size_t>(count), radix);
  if (radices.empty()) radices.push_back(1);
  return radices;
}

}  // namespace

int64_t next_fast_length(int64_t n) {
  if (n <= 1) return 1;
  int64_t best = 1;
  while (best < n) best *= 2;
  for (int64_t fives = 1; fives < best; fives *= 5)
    for (int64_t odd = fives; odd < best; odd *= 3) {
      int64_t length = odd;
      while (length < n) length *= 2;
      best = std::min(best, length);
    }
  return best;
}

std::complex<double> root_of_unity(int64_t numerator, int64_t denominator) {
  // In units of an eighth of 1/denominator the octants end at multiples of the denominator.
  int64_t eighths = 8 * (numerator % denominator);
  if (eighths < 0) eighths += 8 * denominator;
  const bool below = eighths > 4 * denominator;
  if (below) eighths = 8 * denominator - eighths;
  const bool left = eighths > 2 * denominator;
  if (left) eighths = 4 * denominator - eighths;
  const bool steep = eighths > denominator;
  if (steep) eighths = 2 * denominator - eighths;
  const double angle =
      std::numbers::pi * (static_cast<double>(eighths) / (4 * static_cast<double>(denominator)));
  double re = std::cos(angle), im = std::sin(angle);
  if (steep) std::swap(re, im);
  return {left ? -re : re, below ? -im : im};
}

template <class T>
FftPlan<T>::FftPlan(int64_t length) : n(length) {
  const auto append = [](std::vector<T>& table, std::complex<double> z) {
    table.push_back(static_cast<T>(z.real()));
    table.push_back(static_cast<T>(z.imag()));
  };

  std::vector<size_t> begins;
  int64_t block = n;
  for (const int radix : radices_of(n)) {
    begins.push_back(twiddles_.size());
    stages.push_back({radix, block, nullptr});
    for (int64_t j = 0; j < block / radix; ++j)
      for (int q = 1; q < radix; ++q) append(twiddles_, root_of_unity(-q * j, block));
    block /= radix;
  }
  for (size_t i = 0; i < stages.size(); ++i) stages[i].twiddles = twiddles_.data() + begins[i];

  for (int64_t t = 0; t < n; ++t) append(right_angle, root_of_unity(t, 4 * n));

  // Block d of a stage holds the frequencies congruent to d modulo its radix.
  for (int64_t position = 0; position < n; ++position) {
    int64_t f = 0, scale = 1, rest = position;
    for (const Stage& stage : stages) {
      const int64_t next = stage.n / stage.radix;
      f += scale * (rest / next);
      rest %= next;
      scale *= stage.radix;
    }
    frequency.push_back(f);
  }
}

template <class T>
const FftPlan<T>& fft_plan(int64_t n) {
  static std::mutex mutex;
  static auto* plans = new std::map<int64_t, std::unique_ptr<const FftPlan<T>>>;  // never destroyed
  const std::lock_guard lock(mutex);
  std::unique_ptr<const FftPlan<T>>& plan = (*plans)[n];
  if (!plan) plan = std::make_unique<const FftPlan<T>>(n);
  return *plan;
}

template const FftPlan<float>& fft_plan(int64_t n);
template const FftPlan<double>& fft_plan(int64_t n);

}  // namespace lw::kernels
