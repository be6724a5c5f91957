// Device: where a tensor lives.
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

/// "cpu" or "cuda:0"
inline std::ostream& operator<<(std::ostream& out, Device device) {
  return device.kind == DeviceKind::cpu ? out << "cpu" : out << "cuda:" << device.index;
}

}  // namespace lw
