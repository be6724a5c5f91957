// DeviceGraph: work of a device that is recorded once and then started as a whole, again and again.
//
//   DeviceGraph graph([&] { y = f(x); });     records; nothing is computed, and y has no values yet
//   x.copy_from(other);                       what is recorded reads and writes the same memory each time
//   graph.launch();                           y = f(other)
//
// On a GPU it is a CUDA graph: one call of the host instead of one for each kernel. Whatever is to differ from launch to
// launch must be read from the device's memory; numbers of the host are recorded as they are. Memory that is taken
// while recording stays with the graph, so that nobody else writes there; y is such memory.
//
// Cost: a launch costs the host some microseconds, whatever is recorded.
// Determinism: a launch computes what the work itself would have, bit for bit.
// Errors: work that copies from or to the host, or waits for the device, throws NotRecordable; nothing is recorded then,
// and nothing of it was done. The CPU records nothing.
#pragma once

#include <functional>
#include <memory>

#include "core/error.h"
#include "core/memory.h"

namespace lw {

class Recording;

/// What work throws that cannot be part of a DeviceGraph.
class NotRecordable : public Error {
 public:
  using Error::Error;
};

class DeviceGraph {
 public:
  /// Records what work() gives the default device of this thread.
  explicit DeviceGraph(const std::function<void()>& work);
  ~DeviceGraph();
  DeviceGraph(const DeviceGraph&) = delete;

  /// Gives the recorded work to the device; it does not wait.
  void launch();

  /// Whether this thread records what it gives to `device`.
  static bool recording(Device device);

 private:
  Device device_;
  MemoryPool memory_;
  std::unique_ptr<Recording> recording_;
};

}  // namespace lw
