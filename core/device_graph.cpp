#include "core/device_graph.h"

#include "core/device_runtime.h"

namespace lw {

DeviceGraph::DeviceGraph(const std::function<void()>& work)
    : device_(default_device()), memory_(device_) {
  DeviceRuntime& runtime = runtime_of(device_);
  const MemoryPool::Use use(memory_);
  runtime.begin_recording();
  try {
    work();
  } catch (...) {
    try {
      runtime.end_recording();
    } catch (const Error&) {
      // What made the work fail says more.
    }
    throw;
  }
  recording_ = runtime.end_recording();
}

DeviceGraph::~DeviceGraph() = default;

void DeviceGraph::launch() { recording_->launch(); }

bool DeviceGraph::recording(Device device) {
  return device != host && runtime_of(device).recording();
}

}  // namespace lw
