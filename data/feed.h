// Feed: sends batches to a device while it works on those before.
//
//   a thread prepares batches:      Feed::Slot* slot = feed.send(batch);          null: no memory is free, or not yet there
//   the thread that computes:       feed.take_back();                             of batches that nobody holds any more
//                                   auto on_device = feed.arrive(batch, slot);    as long as it lives, batch.inputs.to(device)
//                                                                                 and the others are there already
//
// Each slot has page-locked memory of the host and memory of the device for one batch, so that nothing in flight is
// overwritten: a slot is filled again when the last handle to its batch is gone, and the device has passed the work that
// was given until then.
//
// Cost: a copy from the batch to page-locked memory, in the thread that prepares; the host does not wait for the device.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "data/dataset.h"

namespace lw {

class Feed {
 public:
  class Slot;

  /// At most `slots` batches are there or on their way ahead.
  Feed(Device device, int64_t slots);
  ~Feed();

  /// Null where `device` has no copies beside its work.
  static std::unique_ptr<Feed> to(Device device, int64_t slots);

  Slot* send(const Batch& batch);
  void take_back();
  std::shared_ptr<const void> arrive(const Batch& batch, Slot* slot);

 private:
  Slot* free_slot(const Batch& batch);

  Device device_;
  size_t most_;
  std::mutex mutex_;  // of what the two threads share: which slots are free
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace lw
