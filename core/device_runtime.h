// DeviceRuntime: the memory of one kind of device, and the order of its work. Internal.
//
// The CPU's is in memory.cpp. A build with CUDA registers the GPU's (cuda_runtime.cpp), the tests of
// a build without it one that plays a GPU on the CPU (tests/emulator). Nothing else in core knows
// what a GPU is. Work is done in the order of the calls, and the host goes on meanwhile; it waits where it says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/device.h"

namespace lw {

/// Bytes on their way from a device to the host.
class Arrival {
 public:
  virtual ~Arrival() = default;
  /// Waits until they are there. They stay as long as this lives.
  virtual const void* wait() = 0;
};

/// Work that was recorded instead of done.
class Recording {
 public:
  virtual ~Recording() = default;
  /// Gives it to the device, behind everything before.
  virtual void launch() = 0;
};

class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;

  virtual int count() const = 0;
  /// For people: "NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB".
  virtual std::string description(int index) const = 0;
  /// Makes the device that of the calling thread.
  virtual void use(int index) = 0;

  /// A block of the device's memory, aligned to 64 bytes, or null if there is none left.
  virtual std::byte* allocate(int64_t bytes) = 0;
  virtual void free(std::byte* block) = 0;
  virtual void set(void* block, unsigned char value, int64_t bytes) = 0;
  /// From the host, which may change its side at once.
  virtual void upload(void* to, const void* from, int64_t bytes) = 0;
  /// To the host, which waits.
  virtual void download(void* to, const void* from, int64_t bytes) = 0;
  /// To the host, which does not wait; the device may change its side in work that follows.
  virtual std::unique_ptr<Arrival> fetch(const void* from, int64_t bytes) = 0;
  /// Waits until all work is done.
  virtual void synchronize() = 0;

  /// From here on this thread's work is recorded, not done; what needs the host (uploads, downloads, waits) throws
  /// NotRecordable.
  virtual void begin_recording() = 0;
  virtual std::unique_ptr<Recording> end_recording() = 0;
  virtual bool recording() const = 0;
};

/// How often the host has waited for a device: what a training step is to do without. Runtimes note their waits.
int64_t host_waits();
void note_host_wait();

/// A static object of this type provides the runtime of a kind of device.
struct RuntimeRegistration {
  RuntimeRegistration(DeviceKind kind, DeviceRuntime& runtime);
};

/// How many devices of this kind there are; 0 where the build or the machine has none.
int device_count(DeviceKind kind);

/// Why the device cannot be used: "this build has no CUDA"; empty if it can.
std::string why_missing(Device device);

/// Throws Error where it cannot be used.
DeviceRuntime& runtime_of(Device device);

}  // namespace lw
