// CopySlot: copies from the host that go on beside the device's work, from page-locked memory. Internal.
//
//   std::memcpy(slot.block(n), batch, n);     waits until the slot's last copies are done
//   slot.send(to, slot.block(n), n);          starts; comes behind the last release()
//   slot.arrive();                            the device's work from here on comes behind what was sent
//   ...                                       work that reads `to`
//   slot.release();                           what is sent next comes behind the work given so far
//
// block() and send() may be called in another thread than the rest, not at the same time. The host waits in block()
// alone. A build with CUDA registers the GPU's (cuda_copy_slot.cpp), the tests of a build without it one that copies as
// late as it may (tests/emulator). The CPU has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/device.h"

namespace lw {

class CopySlot {
 public:
  virtual ~CopySlot() = default;
  virtual std::byte* block(int64_t bytes) = 0;
  virtual void send(void* to, const std::byte* from, int64_t bytes) = 0;
  virtual void arrive() = 0;
  virtual void release() = 0;
};

using MakeCopySlot = std::unique_ptr<CopySlot> (*)(int device_index);

/// A static object of this type provides the slots of a kind of device.
struct CopySlotRegistration {
  CopySlotRegistration(DeviceKind kind, MakeCopySlot make);
};

/// Null where the device has none.
std::unique_ptr<CopySlot> make_copy_slot(Device device);

}  // namespace lw
