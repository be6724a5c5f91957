#include "autograd/ops/linear.h"

#include "autograd/precision.h"
#include "core/shape_check.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matvec/matvec.h"
#include "kernels/quantize/quantize.h"

namespace lw {
namespace {

/// How a call is computed.
struct Policy {
  DType products;  ///< dtype of the operands
  bool stored;     ///< the weight is kept in fewer bits than x
};

/// Refuses arguments that do not fit.
Policy check_arguments(const Variable& x, const Variable& weight, const Variable& bias,
                       bool differentiated) {
  check(x.defined() && x.rank() >= 1, "linear: `x` is missing or a scalar, expected [..., in]");
  check(weight.defined(), "linear: `weight` is missing, expected [out, in]");
  ShapeCheck shapes("linear");
  shapes.fix("in", x.size(-1), "x [..., in]", x.shape());
  shapes("weight", weight.value(), {"out", "in"});
  const bool stored = x.dtype() == DType::f32 &&
                      (weight.dtype() == DType::bf16 || kernels::has_int8_rows(weight.value()));
  if (bias.defined()) shapes.of(stored ? x.dtype() : weight.dtype(), "bias", bias.value(), {"out"});
  check(x.device() == weight.device(), "linear: `x` is on ", x.device(), ", expected ",
        weight.device(), " like `weight`");
  check(!stored || !differentiated, "linear: `weight` is stored in ",
        weight.dtype() == DType::bf16 ? "bf16" : "int8",
        " for inference; nothing can be differentiated through it\n  compute under NoGrad, or keep "
        "the weights in f32");
  if (stored) return {x.dtype(), true};
  const bool autocast = Autocast::current() == DType::bf16 && weight.dtype() == DType::f32;
  check(x.dtype() == weight.dtype() || (autocast && x.dtype() == DType::bf16), "linear: `x` is ",
        x.dtype(), ", expected ", weight.dtype(), " like `weight`",
        x.dtype() == DType::bf16 ? "; a bf16 `x` needs Autocast(DType::bf16)" : "");
  return {autocast ? DType::bf16 : weight.dtype(), false};
}

/// y = x W^T + b where no gradient will be asked for, W in any storage.
Tensor infer(const Tensor& x, const Tensor& weight, const Tensor& bias, bool stored) {
  const Tensor rows = x.rows();
  Tensor y = Tensor::empty(x.shape().with(-1, weight.size(0)), x.dtype(), x.device());
  Tensor y_rows = y.reshape({rows.size(0), weight.size(0)});
  if (rows.size(0) <= kernels::matvec_rows) {
    kernels::matvec(rows, weight, bias, y_rows);
    return y;
  }
  Tensor wide = weight;
  if (stored) {
    wide = Tensor::empty(weight.shape(), x.dtype(), x.device());
    kernels::widen_rows(weight, wide);
  }
  kernels::matmul(rows, wide, {.transpose_b = true, .bias = bias}, y_rows);
  return y;
}

}  // namespace

Variable linear(const Variable& x, const Variable& weight, const Variable& bias) {
  const bool differentiated =
      NoGrad::recording() && (x.requires_grad() || weight.requires_grad() || bias.requires_grad());
  const auto [precision, stored] = check_arguments(x, weight, bias, differentiated);
  const bool plain = precision == x.dtype() && precision != DType::bf16;
  if (stored || (plain && !differentiated))
    return Variable::from_op(
        "linear", infer(x.value(), weight.value(), bias ? bias.value() : Tensor(), stored), {}, {});
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
