// Linear: y = x W^T + b over the last axis.
//
// x [..., in], W [out, in], b [out], y [..., out]. Both start uniform in +-1/sqrt(in), PyTorch's
// default. Cost: 2 in out operations a row, forward; twice that backward.
#pragma once

#include "layers/layer.h"

namespace lw {

struct LinearOptions {
  int64_t in = 0;
  int64_t out = 0;
  bool bias = true;
};

class Linear final : public Layer {
 public:
  Linear(const LinearOptions& options, const Random& random);
  Variable operator()(const Variable& x) const;

  const Variable& weight() const { return weight_; }
  const Variable& bias() const { return bias_; }  ///< undefined without one

 private:
  Variable weight_;  // [out, in]
  Variable bias_;    // [out]
};

}  // namespace lw
