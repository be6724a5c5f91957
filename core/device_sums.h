// DeviceSums: adds up tensors of a GPU over the ranks, without a way through the host. Internal.
//
// NCCL where the build has it and every rank has a GPU of its own (device_sums_nccl.cpp); elsewhere there is none, and
// the Communicator sends such tensors through the host.
#pragma once

#include <memory>
#include <string>

#include "core/communicator.h"

namespace lw {

class DeviceSums {
 public:
  virtual ~DeviceSums() = default;
  /// Starts to add up `tensor`, f32 or f64 and contiguous, in place, behind the work that its device has been given so
  /// far.
  virtual void start(const Tensor& tensor) = 0;
  /// What the device is given from now on comes behind all sums; the host does not wait.
  virtual void wait() = 0;
};

/// "2.28.9", or why there is none.
std::string nccl_version();

/// For the GPUs that the ranks use as their default devices. Null where there is no such way. All ranks call it.
std::unique_ptr<DeviceSums> make_device_sums(Communicator& ranks);

}  // namespace lw
