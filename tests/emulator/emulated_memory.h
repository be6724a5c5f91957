// The memory of the emulated device: the host may not touch it, kernels and copies may.
#pragma once

namespace lw::emulator {

/// While one of these lives, the emulated device's memory can be read and written.
class MemoryAccess {
 public:
  MemoryAccess();
  ~MemoryAccess();
  MemoryAccess(const MemoryAccess&) = delete;
};

}  // namespace lw::emulator
