#include "autograd/ops/linear.h"

#include "autograd/precision.h"
#include "core/shape_check.h"
#include "kernels/matmul/matmul.h"

namespace lw {
namespace {

/// Refuses arguments that do not fit and gives the dtype of the products.
DType check_arguments(const Variable& x, const Variable& weight, const Variable& bias) {
  check(x.defined() && x.rank() >= 1, "linear: `x` is missing or a scalar, expected [..., in]");
  check(weight.defined(), "linear: `weight` is missing, expected [out, in]");
  ShapeCheck shapes("linear");
  shapes.fix("in", x.size(-1), str("x [..., in] = ", x.shape()));
  shapes("weight", weight.value(), {"out", "in"});
  if (bias.defined()) shapes("bias", bias.value(), {"out"});
  check(x.device() == weight.device(), "linear: `x` is on ", x.device(), ", expected ",
        weight.device(), " like `weight`");
  const bool autocast = Autocast::current() == DType::bf16 && weight.dtype() == DType::f32;
  check(x.dtype() == weight.dtype() || (autocast && x.dtype() == DType::bf16), "linear: `x` is ",
        x.dtype(), ", expected ", weight.dtype(), " like `weight`",
        x.dtype() == DType::bf16 ? "; a bf16 `x` needs Autocast(DType::bf16)" : "");
  return autocast ? DType::bf16 : weight.dtype();
}

}  // namespace

Variable linear(const Variable& x, const Variable& weight, const Variable& bias) {
  const DType precision = check_arguments(x, weight, bias);
  const Tensor rows = x.value().rows().to(precision), w = weight.value().to(precision);
  Tensor y = Tensor::empty(x.shape().with(-1, weight.size(0)), weight.dtype(), x.device());
  Tensor y_rows = y.reshape({rows.size(0), weight.size(0)});
  kernels::matmul(rows, w, {.transpose_b = true, .bias = bias ? bias.value() : Tensor()}, y_rows);

  return Variable::from_op(
      "linear", y, {x, weight, bias},
      [rows, w, precision, shape = x.shape(), dtype = weight.dtype(), x_dtype = x.dtype(),
       needs_x = x.requires_grad(), needs_w = weight.requires_grad(),
       needs_bias = bias.requires_grad()](const Tensor& dy) {
        const Tensor dy_rows = dy.rows(), g = dy_rows.to(precision);
        Tensors grads(3);
        if (needs_x) {
          Tensor dx = Tensor::empty(rows.shape(), x_dtype, dy.device());
          kernels::matmul(g, w, {}, dx);
          grads[0] = dx.reshape(shape);
        }
        if (needs_w) {
          grads[1] = Tensor::empty(w.shape(), dtype, dy.device());
          kernels::matmul(g, rows, {.transpose_a = true}, grads[1]);
        }
        if (needs_bias) {
          grads[2] = Tensor::empty({w.size(0)}, dtype, dy.device());
          kernels::column_sums(dy_rows, grads[2]);
        }
        return grads;
      });
}

}  // namespace lw
