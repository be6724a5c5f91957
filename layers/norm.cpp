#include "layers/norm.h"

#include <algorithm>

#include "autograd/ops/batch_norm.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/norm.h"

namespace lw {

Norm::Norm(const NormOptions& o) : options_(o) {
  check(std::find(norm_kinds.begin(), norm_kinds.end(), o.kind) != norm_kinds.end(),
        "Norm: unknown kind `", o.kind, "`");
  if (o.kind == "none") return;
  check(o.channels > 0, "Norm: expected a positive number of channels, received ", o.channels);
  weight_ = parameter("weight", Tensor::full({o.channels}, 1), Role::norm);
  if (o.kind != "rms") bias_ = parameter("bias", Tensor::zeros({o.channels}), Role::norm);
  if (o.kind == "batch") {
    running_mean_ = buffer("running_mean", Tensor::zeros({o.channels}));
    running_var_ = buffer("running_var", Tensor::full({o.channels}, 1));
  }
}

Variable Norm::operator()(const Variable& x) const {
  if (options_.kind == "layer") return layer_norm(x, weight_, bias_, options_.eps);
  if (options_.kind == "rms") return rms_norm(x, weight_, options_.eps);
  if (options_.kind ==
      "batch")  // the averages are kept in f32; only an evaluation may be in another precision
    return batch_norm(x, weight_, bias_, {running_mean_.to(x.dtype()), running_var_.to(x.dtype())},
                      /*momentum=*/0.1, options_.eps);
  return x;
}

Norm::Sum Norm::add(const Variable& branch, const Variable& residual) const {
  if (options_.kind == "rms") {
    const auto [normed, sum] = add_rms_norm(branch, residual, weight_, options_.eps);
    return {normed, sum};
  }
  if (options_.kind == "layer") {
    const auto [normed, sum] = add_layer_norm(branch, residual, weight_, bias_, options_.eps);
    return {normed, sum};
  }
  const Variable sum = branch + residual;
  return {(*this)(sum), sum};
}

}  // namespace lw
