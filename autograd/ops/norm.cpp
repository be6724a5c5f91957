#include "autograd/ops/norm.h"

#include "core/shape_check.h"
#include "kernels/norm/norm.h"

namespace lw {
namespace {

using kernels::Norm;
using kernels::NormGradient;
using kernels::NormSaved;

void check_arguments(const char* op, const Variable& x, const Variable& residual,
                     const Variable& weight, const Variable& bias) {
  check(x.defined() && x.rank() >= 1, op, ": `x` is missing or a scalar, expected [..., n]");
  check(weight.defined(), op, ": `weight` is missing, expected [n]");
  ShapeCheck shapes(op);
  shapes.fix("n", x.size(-1), "x [..., n]", x.shape());
  if (weight.rank() == 2 && x.rank() >= 2)
    shapes.fix("groups", x.size(-2), "x [..., groups, n]", x.shape());
  const std::vector<std::string> axes = weight.rank() == 2 && x.rank() >= 2
                                            ? std::vector<std::string>{"groups", "n"}
                                            : std::vector<std::string>{"n"};
  shapes("weight", weight.value(), axes);
  if (bias.defined()) shapes("bias", bias.value(), axes);
  for (const auto& [name, t] : {std::pair("x", x), std::pair("residual", residual)})
    check(!t.defined() || (t.dtype() == weight.dtype() && t.device() == weight.device()), op, ": `",
          name, "` is ", t.defined() ? t.value() : Tensor(), ", expected ", weight.dtype(), " on ",
          weight.device(), " like `weight`");
  check(!residual.defined() || residual.shape() == x.shape(), op, ": `residual` is ",
        residual.defined() ? residual.shape() : Shape(), ", expected ", x.shape(), " like `x`");
}

/// {y, s} for any of the four ops; s = x + residual.
Variables normalise(const char* op, const Variable& x, const Variable& residual,
                    const Variable& weight, const Variable& bias, double epsilon, bool centred) {
  check_arguments(op, x, residual, weight, bias);
  const int64_t n = x.size(-1);
  const auto lines = [n](const Variable& v) {  // [groups, n]
    return v.defined() && v.rank() == 1 ? v.value().reshape({1, n})
           : v.defined()                ? v.value()
                                        : Tensor();
  };
  const auto fresh = [&](const Shape& shape) {
    return Tensor::empty(shape, x.dtype(), x.device());
  };

  Norm in{.x = x.value().rows(),
          .residual = residual ? residual.value().rows() : Tensor(),
          .weight = lines(weight),
          .bias = lines(bias),
          .epsilon = epsilon,
          .centred = centred};
  const int64_t rows = in.x.size(0);
  NormSaved saved{.rstd = fresh({rows})};
  if (centred) saved.mean = fresh({rows});
  if (residual) saved.sum = fresh({rows, n});
  Tensor y = fresh({rows, n});
  kernels::norm_forward(in, y, saved);
  const Tensor s = residual ? saved.sum.reshape(x.shape()) : x.value();
  in.x = residual ? saved.sum : in.x;
  in.residual = Tensor();

  return Variable::from_op(
      op, Tensors{y.reshape(x.shape()), s}, {x, residual, weight, bias},
      [in, saved, shape = x.shape(), weight_shape = weight.shape()](const Tensors& dys) {
        if (!dys[0].defined()) return Tensors{dys[1], dys[1], Tensor(), Tensor()};
        NormGradient gradient{.dx = Tensor::empty_like(in.x),
                              .dweight = Tensor::empty_like(in.weight),
                              .dbias = in.bias ? Tensor::empty_like(in.bias) : Tensor()};
        kernels::norm_backward(in, saved, dys[0].rows(), dys[1] ? dys[1].rows() : Tensor(),
                               gradient);
        const Tensor dx = gradient.dx.reshape(shape);
        return Tensors{dx, dx, gradient.dweight.reshape(weight_shape),
                       in.bias ? gradient.dbias.reshape(weight_shape) : Tensor()};
      });
}

}  // namespace

Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias,
                    double epsilon) {
  return normalise("layer_norm", x, {}, weight, bias, epsilon, true)[0];
}

Variable rms_norm(const Variable& x, const Variable& weight, double epsilon) {
  return normalise("rms_norm", x, {}, weight, {}, epsilon, false)[0];
}

std::pair<Variable, Variable> add_layer_norm(const Variable& x, const Variable& residual,
                                             const Variable& weight, const Variable& bias,
                                             double epsilon) {
  const Variables r = normalise("add_layer_norm", x, residual, weight, bias, epsilon, true);
  return {r[0], r[1]};
}

std::pair<Variable, Variable> add_rms_norm(const Variable& x, const Variable& residual,
                                           const Variable& weight, double epsilon) {
  const Variables r = normalise("add_rms_norm", x, residual, weight, {}, epsilon, false);
  return {r[0], r[1]};
}

}  // namespace lw
