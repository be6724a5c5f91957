#include "autograd/ops/skip_gelu.h"

#include "core/shape_check.h"
#include "kernels/skip_gelu/skip_gelu.h"

namespace lw {

Variable skip_gelu(const Variable& x, const Variable& D, const Variable& u) {
  check(x.defined() && D.defined() && u.defined(), "skip_gelu: an argument is missing");
  check(x.rank() >= 1 && x.shape() == u.shape(), "skip_gelu: `u` is ", u.value(), ", expected ",
        x.value(), " like `x`");
  const kernels::SkipGelu in{x.value().rows(), D.value().contiguous(), u.value().rows()};
  ShapeCheck shapes("skip_gelu");
  shapes("x", in.x, {"row", "channel"});
  shapes("u", in.u, {"row", "channel"});
  shapes("D", in.D, {"channel"});

  Tensor y = Tensor::empty(in.x.shape(), in.x.dtype(), in.x.device());
  kernels::skip_gelu_forward(in, y);
  return Variable::from_op("skip_gelu", y.reshape(x.shape()), {x, D, u},
                           [in, shape = x.shape()](const Tensor& dy) {
                             const auto like = [](const Tensor& t) {
                               return Tensor::empty(t.shape(), t.dtype(), t.device());
                             };
                             kernels::SkipGeluGradients d{like(in.x), like(in.D), like(in.u)};
                             kernels::skip_gelu_backward(in, dy.rows(), d);
                             return Tensors{d.x.reshape(shape), d.D, d.u.reshape(shape)};
                           });
}

}  // namespace lw
