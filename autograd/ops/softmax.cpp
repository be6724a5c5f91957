#include "autograd/ops/softmax.h"

#include "autograd/ops/shape.h"
#include "kernels/softmax/softmax.h"

namespace lw {
namespace {

using Forward = decltype(kernels::softmax);
using Backward = decltype(kernels::softmax_backward);

Variable along(const char* name, const Variable& x, int axis, const Forward& forward,
               const Backward& backward) {
  axis = x.shape().checked_axis(axis);
  if (axis != x.rank() - 1)
    return transpose(along(name, transpose(x, axis, -1), -1, forward, backward), axis, -1);
  Tensor y = Tensor::empty_like(x.value());
  forward(x.value(), y);
  return Variable::from_op(name, y, {x}, [y, &backward](const Tensor& dy) {
    Tensor dx = Tensor::empty_like(y);
    backward(y, dy, dx);
    return Tensors{dx};
  });
}

}  // namespace

Variable softmax(const Variable& x, int axis) {
  return along("softmax", x, axis, kernels::softmax, kernels::softmax_backward);
}

Variable log_softmax(const Variable& x, int axis) {
  return along("log_softmax", x, axis, kernels::log_softmax, kernels::log_softmax_backward);
}

}  // namespace lw
