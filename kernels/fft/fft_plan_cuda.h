// DeviceFftPlan: an FftPlan whose tables lie on a GPU, as kernels take it. Internal; for .cu files.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/complex_number.h"
#include "core/tensor.h"
#include "kernels/fft/fft_plan.h"

namespace lw::kernels {

template <class T>
struct DeviceFftPlan {
  static constexpr int max_stages = 20;  // 3^20 is beyond 31 bits

  struct Stage {
    int radix;
    int n;
    const Complex<T>* twiddles;  // radix - 1 of each column
  };
  int n, count;
  Stage stages[max_stages];
  const Complex<T>* right_angle;  ///< e^{i pi t / (2 n)}, t = 0 .. n-1
  const int32_t* frequency;       ///< which frequency stands at a position after the last stage
};

/// The plan for a length on a device. The first use copies its tables there, which waits for them;
/// they stay for the life of the program. Thread-safe.
template <class T>
const DeviceFftPlan<T>& device_fft_plan(int64_t n, Device device) {
  using C = std::complex<T>;
  struct Entry {
    Tensor twiddles, right_angle, frequency;
    DeviceFftPlan<T> plan;
  };
  static std::mutex mutex;
  static auto* entries = new std::map<std::pair<int, int64_t>, Entry>;  // never destroyed
  const std::lock_guard lock(mutex);
  const std::pair key{device.index, n};
  if (const auto found = entries->find(key); found != entries->end()) return found->second.plan;

  Entry entry;
  check(n <= 0x7fffffff, "fft: expected a length below 2^31 on a GPU, received ", n);
  const FftPlan<T>& plan = fft_plan<T>(n);
  std::vector<C> twiddles, right_angle;
  const auto append = [](std::vector<C>& table, const T* parts, int64_t count) {
    for (int64_t i = 0; i < count; ++i) table.emplace_back(parts[2 * i], parts[2 * i + 1]);
  };
  std::vector<size_t> begins;
  for (const auto& stage : plan.stages) {
    begins.push_back(twiddles.size());
    append(twiddles, stage.twiddles, stage.n / stage.radix * (stage.radix - 1));
  }
  append(right_angle, plan.right_angle.data(), n);
  const auto upload = [&](const auto& table) {
    return Tensor::from({static_cast<int64_t>(table.size())}, table).to(device);
  };
  entry.twiddles = upload(twiddles);
  entry.right_angle = upload(right_angle);
  entry.frequency = upload(std::vector<int32_t>(plan.frequency.begin(), plan.frequency.end()));

  const auto* factors = static_cast<const Complex<T>*>(entry.twiddles.raw());
  entry.plan.n = static_cast<int>(n);
  entry.plan.count = static_cast<int>(plan.stages.size());
  for (size_t i = 0; i < plan.stages.size(); ++i)
    entry.plan.stages[i] = {plan.stages[i].radix, static_cast<int>(plan.stages[i].n),
                            factors + begins[i]};
  entry.plan.right_angle = static_cast<const Complex<T>*>(entry.right_angle.raw());
  entry.plan.frequency = static_cast<const int32_t*>(entry.frequency.raw());
  // Kept only now that nothing can fail any more.
  return entries->emplace(key, std::move(entry)).first->second.plan;
}

}  // namespace lw::kernels
