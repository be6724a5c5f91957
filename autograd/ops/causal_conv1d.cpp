#include "autograd/ops/causal_conv1d.h"

#include "core/shape_check.h"
#include "kernels/causal_conv1d/causal_conv1d.h"

namespace lw {
namespace {

Tensor like(const Tensor& t) { return t ? Tensor::empty_like(t) : Tensor(); }
Tensor value_or_none(const Variable& v) { return v ? v.value() : Tensor(); }

}  // namespace

CausalConv1dResult causal_conv1d(const Variable& x, const Variable& weight, const Variable& bias,
                                 const CausalConv1dOptions& options) {
  const kernels::CausalConv1d in{x.value(),           weight.value(),
                                 value_or_none(bias), value_or_none(options.state),
                                 options.resets,      options.silu};
  ShapeCheck shapes("causal_conv1d");
  shapes("x", in.x, {"batch", "time", "channel"});
  shapes("weight", in.weight, {"channel", "width"});
  const int64_t width = shapes["width"];
  check(width >= 1, "causal_conv1d: expected a width of at least 1, received weight ", in.weight);
  shapes.optional("bias", in.bias, {"channel"});
  shapes.fix("width - 1", width - 1, "one less than the width of `weight`");
  shapes.optional("state", in.state, {"batch", "width - 1", "channel"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});

  Tensor y = Tensor::empty(in.x.shape(), in.x.dtype(), in.x.device());
  Tensor state = Tensor::empty(in.x.shape().with(1, width - 1), in.x.dtype(), in.x.device());
  kernels::causal_conv1d_forward(in, y, state);

  const Variables results = Variable::from_op(
      "causal_conv1d", {y, state}, {x, weight, bias, options.state}, [in](const Tensors& dys) {
        const Tensor dy = dys[0] ? dys[0] : Tensor::zeros_like(in.x);
        kernels::CausalConv1dGradients d{like(in.x), like(in.weight), like(in.bias),
                                         like(in.state)};
        kernels::causal_conv1d_backward(in, dy, dys[1], d);
        return Tensors{d.x, d.weight, d.bias, d.state};
      });
  return {results[0], results[1]};
}

}  // namespace lw
