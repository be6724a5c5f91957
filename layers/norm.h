// Norm: normalisation over the channels (layer, rms) or over batch and time (batch).
//
//   layer  y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias     over the last axis
//   rms    y = x / sqrt(mean(x^2) + eps) * weight                     over the last axis
//   batch  as layer, each channel over batch and time; running averages outside training
//   none   y = x
//
// x [batch, time, channel]. Bound by memory. Ba, Kiros & Hinton 2016, arXiv:1607.06450; Zhang &
// Sennrich 2019, arXiv:1910.07467; Ioffe & Szegedy 2015, arXiv:1502.03167.
#pragma once

#include "layers/layer.h"

namespace lw {

struct NormOptions {
  std::string kind = "layer";  ///< layer, rms, batch or none
  int64_t channels = 0;
  double eps = 1e-5;
};

/// The spellings of NormOptions::kind.
inline const std::vector<std::string> norm_kinds = {"layer", "rms", "batch", "none"};

class Norm final : public Layer {
 public:
  explicit Norm(const NormOptions& options);
  Variable operator()(const Variable& x) const;

  struct Sum {
    Variable normed;  ///< norm(branch + residual)
    Variable sum;     ///< branch + residual
  };
  /// The norm of a sum that is needed too, the step between two pre-norm blocks; one pass for rms
  /// and layer.
  Sum add(const Variable& branch, const Variable& residual) const;

 private:
  NormOptions options_;
  Variable weight_, bias_;             // [channel]
  Tensor running_mean_, running_var_;  // [channel], of batch norm
};

}  // namespace lw
