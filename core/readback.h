// Readback: a few numbers of a device, read by the host later.
//
//   Readback loss(step_losses);        the numbers as they are behind the work given so far
//   ...                                more work; nothing waits
//   loss.wait()[0]                     waits until they are there, which they mostly are
//
// Cost: a copy beside the device's work. On the CPU the numbers are there at once.
#pragma once

#include <memory>
#include <span>

#include "core/tensor.h"

namespace lw {

class Arrival;

class Readback {
 public:
  /// Starts with the elements of a contiguous tensor of f64, which may change afterwards.
  explicit Readback(const Tensor& numbers);
  Readback(Readback&&) noexcept;
  Readback& operator=(Readback&&) noexcept;
  ~Readback();

  /// The elements. Whatever computing them went wrong with is thrown here.
  std::span<const double> wait() const;

 private:
  std::unique_ptr<Arrival> arrival_;
  size_t count_;
};

}  // namespace lw
