#include "apps/bench.h"

#include <algorithm>
#include <chrono>

#include "autograd/ops/complex.h"
#include "autograd/ops/matmul.h"
#include "core/device_runtime.h"
#include "core/parallel.h"

namespace lw {

double elapsed_ms(const std::function<void()>& f) {
  DeviceRuntime& device = runtime_of(default_device());
  device.synchronize();
  const auto start = std::chrono::steady_clock::now();
  f();
  device.synchronize();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double median(std::vector<double> values) {
  check(!values.empty(), "median: there are no values");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double median_ms(const std::function<void()>& f, int64_t rounds) {
  const double first = elapsed_ms(f);  // warms caches, buffers and the kernels' tables
  if (rounds == 0)
    rounds = static_cast<int64_t>(std::clamp(1000 / std::max(first, 1e-3), 5.0, 2000.0));
  std::vector<double> times;
  for (int64_t i = 0; i < rounds; ++i) times.push_back(elapsed_ms(f));
  return median(std::move(times));
}

const MachineRates& machine_rates() {
  static const MachineRates rates = [] {
    const NoGrad no_grad;
    const int64_t elements = int64_t{1} << 26;  // 256 MiB each
    const Tensor from = Tensor::full({elements}, 1);
    Tensor to = Tensor::empty({elements});
    const double copy = median_ms([&] { to.copy_from(from); }, 5);
    const Variable a = Random(1).normal({1536, 1536}), b = Random(2).normal({1536, 1536});
    const double product = median_ms([&] { matmul(a, b); }, 7);

    constexpr int64_t steps = 10'000'000;
    const int threads = num_threads();
    std::vector<double> ends(static_cast<size_t>(threads));
    const double chain = median_ms(
        [&] {
          parallel_chunks(threads, [&](int64_t i) {
            double x = static_cast<double>(i);
            for (int64_t step = 0; step < steps; ++step) x = x * 0.999 + 1e-3;
            ends[static_cast<size_t>(i)] = x;
          });
        },
        5);
    return MachineRates{.bytes_per_s = 8e3 * static_cast<double>(elements) / copy,
                        .flops_per_s = 2e3 * 1536. * 1536 * 1536 / product,
                        .scalar_fmas_per_s = 1e3 * static_cast<double>(steps) * threads / chain};
  }();
  return rates;
}

NamedTensor Draw::normal(const std::string& name, const Shape& shape, double deviation) const {
  return {name, random.fork(name).normal(shape, 0, deviation, dtype)};
}

NamedTensor Draw::uniform(const std::string& name, const Shape& shape, double low,
                          double high) const {
  return {name, random.fork(name).uniform(shape, low, high, dtype)};
}

NamedTensor Draw::complex(const std::string& name, const Shape& shape, double low, double high,
                          double imag_low, double imag_high) const {
  const NoGrad no_grad;
  return {name, lw::complex(uniform(name + ".real", shape, low, high).value,
                            uniform(name + ".imag", shape, imag_low, imag_high).value)
                    .value()};
}

NamedTensor Draw::ids(const std::string& name, const Shape& shape, int64_t below) const {
  Tensor ids = Tensor::empty(shape, DType::i64, host);
  const Random stream = random.fork(name);
  for (int64_t i = 0; i < ids.numel(); ++i)
    ids.data<int64_t>()[i] = stream.integer_at(static_cast<uint64_t>(i), below);
  return {name, ids.to(default_device())};
}

const std::vector<BenchOp>& bench_ops() {
  static const std::vector<BenchOp> all = [] {
    std::vector<BenchOp> ops = sequence_bench_ops();
    for (BenchOp& op : dense_bench_ops()) ops.push_back(std::move(op));
    return ops;
  }();
  return all;
}

}  // namespace lw
