// The memory of the emulated device: the host may not touch it, kernels and copies may. And the order of its work.
#pragma once

#include <functional>

namespace lw::emulator {

/// Work of the device: done at once, or kept where it is being recorded.
void submit(std::function<void()> work);

/// While one of these lives, the emulated device's memory can be read and written.
class MemoryAccess {
 public:
  MemoryAccess();
  ~MemoryAccess();
  MemoryAccess(const MemoryAccess&) = delete;
};

}  // namespace lw::emulator
