#include "autograd/ops/long_conv.h"

#include "core/shape_check.h"
#include "kernels/long_conv/long_conv.h"

namespace lw {

Variable long_conv(const Variable& u, const Variable& k, const Variable& D,
                   const LongConvOptions& options) {
  const kernels::LongConv in{u.value(), k.value(), D ? D.value() : Tensor(), options.resets,
                             options.reverse};
  ShapeCheck shapes("long_conv");
  shapes("u", in.u, {"batch", "time", "channel"});
  shapes("k", in.k, {"channel", "taps"});
  shapes.optional("D", in.D, {"channel"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});
  check(shapes["taps"] >= 1, "long_conv: expected at least one tap, received k ", in.k);

  Tensor y = Tensor::empty(in.u.shape(), in.u.dtype(), in.u.device());
  kernels::long_conv_forward(in, y);

  return Variable::from_op("long_conv", y, {u, k, D},
                           [in, needs_u = u.requires_grad(),
                            needs_k = k.requires_grad() || D.requires_grad()](const Tensor& dy) {
                             kernels::LongConvGradients d;
                             if (needs_u) d.u = Tensor::empty_like(in.u);
                             if (needs_k) d.k = Tensor::empty_like(in.k);
                             if (needs_k && in.D) d.D = Tensor::empty_like(in.D);
                             kernels::long_conv_backward(in, dy, d);
                             return Tensors{d.u, d.k, d.D};
                           });
}

}  // namespace lw
