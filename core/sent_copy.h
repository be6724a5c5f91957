// SentCopy: a tensor of the host that has a copy on a device already. Internal to core and to the loader.
//
// While a SentCopy lives, here.to(device) is the copy, and copy_from(here) reads the copy: nothing is sent again; in the
// recording of a DeviceGraph there is none. Who makes it sees to it that `here` does not change meanwhile, and that the
// device's work comes behind the copying.
//
// Cost: a lookup under a lock for each tensor that goes from the host to a device.
#pragma once

#include "core/tensor.h"

namespace lw {

class SentCopy {
 public:
  SentCopy(const Tensor& here, const Tensor& there);
  ~SentCopy();
  SentCopy(const SentCopy&) = delete;

  /// The copy of `here` on `device`; undefined if there is none.
  static Tensor find(const Tensor& here, Device device);

 private:
  Tensor here_, there_;
};

}  // namespace lw
