#include "core/readback.h"

#include "core/device_runtime.h"

namespace lw {

Readback::Readback(const Tensor& numbers) : count_(static_cast<size_t>(numbers.numel())) {
  check(numbers.dtype() == DType::f64 && numbers.is_contiguous(),
        "Readback: expected contiguous numbers of f64, received ", numbers);
  arrival_ = runtime_of(numbers.device()).fetch(numbers.raw(), numbers.bytes());
}

Readback::Readback(Readback&&) noexcept = default;
Readback& Readback::operator=(Readback&&) noexcept = default;
Readback::~Readback() = default;

std::span<const double> Readback::wait() const {
  return {static_cast<const double*>(arrival_->wait()), count_};
}

}  // namespace lw
