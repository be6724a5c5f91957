#include "apps/bench.h"

#include <algorithm>
#include <chrono>

#include "autograd/ops/matmul.h"
#include "core/parallel.h"

namespace lw {

double elapsed_ms(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double median_ms(const std::function<void()>& f, double seconds) {
  const double first = elapsed_ms(f);  // warms caches, buffers and the kernels' tables
  const auto repetitions =
      static_cast<size_t>(std::clamp(1000 * seconds / std::max(first, 1e-3), 5.0, 2000.0));
  std::vector<double> times;
  for (size_t i = 0; i < repetitions; ++i) times.push_back(elapsed_ms(f));
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

const MachineRates& machine_rates() {
  static const MachineRates rates = [] {
    const NoGrad no_grad;
    const int64_t elements = int64_t{1} << 26;  // 256 MiB each
    const Tensor from = Tensor::full({elements}, 1);
    Tensor to = Tensor::empty({elements});
    const double copy = median_ms([&] { to.copy_from(from); }, 0.5);
    const Variable a = Random(1).normal({1536, 1536}), b = Random(2).normal({1536, 1536});
    const double product = median_ms([&] { matmul(a, b); }, 0.5);
    return MachineRates{.bytes_per_s = 8e3 * static_cast<double>(elements) / copy,
                        .flops_per_s = 2e3 * 1536. * 1536 * 1536 / product};
  }();
  return rates;
}

}  // namespace lw
