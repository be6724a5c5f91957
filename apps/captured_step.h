// CapturedStep: a training step, or what it does with each of its micro-batches, recorded as a graph of the device for
// batches of one shape, and started again for each of them with one call.
//
// The batch is copied into tensors of its own, and the number of the step and of the first sample into another, where
// dropout reads them. Other numbers that change, rates and the like, are the optimizer's to send.
//
// Cost on the host: copies of the batch and one launch. Memory: that of one step, kept between the steps.
// Determinism: bit for bit the step that was recorded. Errors: NotRecordable, for a model that needs the host.
#pragma once

#include <functional>

#include "core/device_graph.h"
#include "data/dataset.h"

namespace lw {

class CapturedStep {
 public:
  /// Whether a batch can be copied into a graph: one with lengths is computed otherwise for others.
  static bool takes(const Batch& batch) { return !batch.lengths.defined(); }

  /// Records work(batch), with tensors of the shapes of `like` on the device, within a Training.
  CapturedStep(const Batch& like, const std::function<void(const Batch&)>& work);

  bool fits(const Batch& batch) const;
  /// Does the work of step number `step` on a batch that fits, whose tokens and targets are in range, and whose first sample
  /// has this number in the batch of all.
  void run(const Batch& batch, int64_t step, int64_t first_sample);

 private:
  Batch batch_;
  Tensor position_;  // of Training
  DeviceGraph graph_;
};

}  // namespace lw
