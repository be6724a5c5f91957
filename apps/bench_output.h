// What the bench commands share: parameters off their initial values, and a file for others to compare with.
// An internal header, for .cpp files only.
#pragma once

#include <string>

#include "apps/bench.h"
#include "autograd/parameter.h"
#include "core/hdf5.h"

namespace lw {

/// Moves every parameter by a few per cent, so that nothing profits from initial values (A that is the same
/// in every channel, weights of ones).
void perturb(const Parameters& parameters);

/// What was computed on, and what came out, for others to compute the same: an HDF5 file of
/// /inputs, /outputs, /params and /gradients.
class BenchDump {
 public:
  /// Replaces a file that is there.
  explicit BenchDump(const std::string& path);
  void tensors(const std::string& group, const NamedTensors& tensors);
  /// Values into /params, gradients into /gradients.
  void parameters(const Parameters& parameters);
  void finish() { file_.finish(); }

 private:
  Hdf5Writer file_;
};

}  // namespace lw
