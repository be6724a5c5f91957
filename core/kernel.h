// Kernel: a computation with one implementation for each device.
//
// A header declares what is computed,
//   inline Kernel<void(const Tensor& x, double weight, Tensor& y)> average{"average"};
// each device's file says how, once, at namespace scope,
//   const Implementation cpu{average, DeviceKind::cpu, &average_cpu};
// and calling average(x, weight, y) runs the one for the device of its first Tensor argument, on which the others must
// be.
//
// This is the only place that knows that a device may lack an implementation.
#pragma once

#include <type_traits>

#include "core/error.h"
#include "core/tensor.h"

namespace lw {

template <class Signature>
class Kernel;

template <class... Args>
class Kernel<void(Args...)> {
 public:
  using Function = void (*)(Args...);

  constexpr explicit Kernel(const char* name) : name_(name) {}
  Kernel(const Kernel&) = delete;

  const char* name() const { return name_; }
  void implement(DeviceKind kind, Function function) {
    functions_[static_cast<int>(kind)] = function;
  }

  void operator()(Args... args) const {
    const Device device = device_of(args...);
    (check_device(device, args), ...);
    const Function function = functions_[static_cast<int>(device.kind)];
    check(function != nullptr, name_, ": no implementation for device ", device,
          device.kind == DeviceKind::cuda ? " (this build has no CUDA kernel for it)" : "");
    function(static_cast<Args>(args)...);
  }

 private:
  template <class First, class... Rest>
  static Device device_of(const First& first, const Rest&... rest) {
    if constexpr (std::is_same_v<First, Tensor>) {
      return first.device();
    } else {
      static_assert(sizeof...(Rest) > 0, "a kernel needs a Tensor among its arguments");
      return device_of(rest...);
    }
  }

  template <class Argument>
  void check_device(Device device, const Argument& argument) const {
    if constexpr (std::is_same_v<Argument, Tensor>)
      check(!argument.defined() || argument.device() == device, name_, ": expected all tensors on ",
            device, ", where the first one is; one is on ", argument.device());
  }

  const char* name_;
  Function functions_[device_kinds] = {};
};

/// A static object of this type registers one device's implementation.
struct Implementation {
  template <class Signature>
  Implementation(Kernel<Signature>& kernel, DeviceKind kind,
                 typename Kernel<Signature>::Function function) {
    kernel.implement(kind, function);
  }
};

}  // namespace lw
