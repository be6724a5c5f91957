// Device: where a tensor lives, and where new ones are made.
#pragma once

#include <ostream>

namespace lw {

enum class DeviceKind : unsigned char { cpu, cuda };
inline constexpr int device_kinds = 2;

struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;  ///< ordinal of the GPU; 0 on the CPU

  bool operator==(const Device&) const = default;
};

/// Where memory can be read and written element by element.
inline constexpr Device host{};

/// "cpu" or "cuda:0"
inline std::ostream& operator<<(std::ostream& out, Device device) {
  return device.kind == DeviceKind::cpu ? out << "cpu" : out << "cuda:" << device.index;
}

/// The device of tensors that are made without naming one: the CPU, or that of the innermost
/// DeviceScope of this thread.
Device default_device();

/// Makes `device` the default of this thread for as long as it lives. Throws Error for a device
/// that is not there.
class DeviceScope {
 public:
  explicit DeviceScope(Device device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;

 private:
  Device before_;
};

}  // namespace lw
