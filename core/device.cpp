#include "core/device.h"

#include "core/device_runtime.h"
#include "core/error.h"

namespace lw {
namespace {

thread_local Device current;

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

DeviceScope::~DeviceScope() { current = before_; }

RuntimeRegistration::RuntimeRegistration(DeviceKind kind, DeviceRuntime& runtime) {
  runtimes()[static_cast<int>(kind)] = &runtime;
}

int device_count(DeviceKind kind) {
  const DeviceRuntime* runtime = runtimes()[static_cast<int>(kind)];
  return runtime ? runtime->count() : 0;
}

DeviceRuntime& runtime_of(Device device) {
  DeviceRuntime* runtime = runtimes()[static_cast<int>(device.kind)];
  check(runtime != nullptr, "device ", device, " is not available: this build has no CUDA");
  check(device.index >= 0 && device.index < runtime->count(), "device ", device,
        " is not available: this machine has ", runtime->count(), " such devices");
  return *runtime;
}

}  // namespace lw
