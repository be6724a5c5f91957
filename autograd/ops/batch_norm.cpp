#include "autograd/ops/batch_norm.h"

#include "autograd/checkpoint.h"
#include "core/shape_check.h"
#include "kernels/batch_norm/batch_norm.h"

namespace lw {

using kernels::BatchNorm;
using kernels::BatchNormGradient;

Variable batch_norm(const Variable& x, const Variable& weight, const Variable& bias,
                    const RunningAverages& running, double momentum, double epsilon) {
  check(x.defined() && x.rank() >= 2,
        "batch_norm: `x` is missing or has fewer than two axes, "
        "expected [batch, time, channel]");
  const Tensor rows = x.value().rows();
  ShapeCheck shapes("batch_norm");
  shapes("x", rows, {"rows", "channel"});
  shapes("weight", weight ? weight.value() : Tensor(), {"channel"});
  shapes("bias", bias ? bias.value() : Tensor(), {"channel"});
  shapes("running_mean", running.mean, {"channel"});
  shapes("running_variance", running.variance, {"channel"});

  const bool training = Training::current() != nullptr;
  BatchNorm in{.x = rows,
               .mean = running.mean,
               .variance = running.variance,
               .weight = weight.value(),
               .bias = bias.value(),
               .epsilon = epsilon};
  if (training) {
    const int64_t n = rows.size(0);
    check(n >= 2, "batch_norm: ", n, " row(s) have no variance; training needs batch x time >= 2");
    in.mean = Tensor::empty_like(running.mean), in.variance = Tensor::empty_like(running.variance);
    kernels::batch_statistics(rows, in.mean, in.variance);
    if (!running_again()) {
      Tensor mean = running.mean, variance = running.variance;
      kernels::running_average(in.mean, 1, momentum, mean);
      kernels::running_average(in.variance, static_cast<double>(n) / static_cast<double>(n - 1),
                               momentum, variance);
    }
  } else {
    in.mean = in.mean.clone(), in.variance = in.variance.clone();  // they may move before backward
  }
  Tensor y = Tensor::empty(rows.shape(), x.dtype(), x.device());
  kernels::batch_norm_forward(in, y);

  return Variable::from_op(
      "batch_norm", y.reshape(x.shape()), {x, weight, bias},
      [in, training, shape = x.shape()](const Tensor& dy) {
        BatchNormGradient gradient{.dx = Tensor::empty_like(in.x),
                                   .dweight = Tensor::empty_like(in.weight),
                                   .dbias = Tensor::empty_like(in.bias)};
        kernels::batch_norm_backward(in, dy.rows(), training, gradient);
        return Tensors{gradient.dx.reshape(shape), gradient.dweight, gradient.dbias};
      });
}

}  // namespace lw
