#include "core/device.h"

#include <atomic>

#include "core/device_runtime.h"
#include "core/error.h"

namespace lw {
namespace {

thread_local Device current;
std::atomic<int64_t> waits = 0;

/// Filled by static objects, so it must be there before them.
DeviceRuntime** runtimes() {
  static DeviceRuntime* table[device_kinds] = {};
  return table;
}

}  // namespace

Device default_device() { return current; }

DeviceScope::DeviceScope(Device device) : before_(current) {
  runtime_of(device).use(device.index);
  current = device;
}

DeviceScope::~DeviceScope() {
  runtime_of(before_).use(before_.index);
  current = before_;
}

int64_t host_waits() { return waits; }
void note_host_wait() { ++waits; }

RuntimeRegistration::RuntimeRegistration(DeviceKind kind, DeviceRuntime& runtime) {
  runtimes()[static_cast<int>(kind)] = &runtime;
}

int device_count(DeviceKind kind) {
  const DeviceRuntime* runtime = runtimes()[static_cast<int>(kind)];
  return runtime ? runtime->count() : 0;
}

std::string why_missing(Device device) {
  const DeviceRuntime* runtime = runtimes()[static_cast<int>(device.kind)];
  if (runtime == nullptr) return "this build has no CUDA";
  const int count = runtime->count();
  if (count == 0) return "this machine has no NVIDIA GPU, or no driver for it";
  if (device.index < 0 || device.index >= count)
    return str("this machine has ", count, " GPU", count == 1 ? "" : "s");
  return "";
}

DeviceRuntime& runtime_of(Device device) {
  const std::string missing = why_missing(device);
  check(missing.empty(), "device ", device, " is not available: ", missing);
  return *runtimes()[static_cast<int>(device.kind)];
}

}  // namespace lw
