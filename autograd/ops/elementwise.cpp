#include "autograd/ops/elementwise.h"

#include "autograd/ops/complex.h"
#include "kernels/reduce/reduce.h"

namespace lw {
namespace {

using kernels::Binary;
using kernels::Keeps;
using kernels::Unary;
using kernels::UnaryFunction;

void expect_floating(const char* name, const Tensor& x) {
  check(is_floating(x.dtype()), name, ": expected dtype f32, f64 or bf16, received ", x);
}

Variable apply(const char* name, const UnaryFunction& f, const Variable& x) {
  const Tensor& in = x.value();
  expect_floating(name, in);
  Tensor y = Tensor::empty_like(in);
  kernels::unary(f, in, y);
  const Keeps keeps = kernels::keeps_of(f.op);
  const Tensor kept = keeps == Keeps::input ? in : keeps == Keeps::output ? y : Tensor();
  return Variable::from_op(name, y, {x}, [f, kept](const Tensor& dy) {
    Tensor dx = Tensor::empty_like(dy);
    kernels::unary_backward(f, dy, kept, dx);
    return Tensors{dx};
  });
}

Tensor negated(const Tensor& x) {
  Tensor y = Tensor::empty_like(x);
  kernels::unary({Unary::neg}, x, y);
  return y;
}

Tensor value_of(const char* name, Binary op, const Tensor& a, const Tensor& b) {
  expect_floating(name, a);
  check(a.dtype() == b.dtype(), name, ": expected two values of one dtype, received ", a, " and ",
        b);
  Tensor y = Tensor::empty(broadcast(name, a.shape(), b.shape()), a.dtype(), a.device());
  kernels::binary(op, a, b, y);
  return y;
}

Variable apply(const char* name, Binary op, const Variable& a, const Variable& b) {
  Tensor y = value_of(name, op, a.value(), b.value());
  const bool wants_a = a.requires_grad(), wants_b = b.requires_grad();
  if (op == Binary::add || op == Binary::sub) {  // dy itself: nothing is computed nor kept
    return Variable::from_op(name, y, {a, b},
                             [=, to_a = a.shape(), to_b = b.shape()](const Tensor& dy) {
                               Tensor da = wants_a ? sum_to(dy, to_a) : Tensor();
                               Tensor db = wants_b ? sum_to(dy, to_b) : Tensor();
                               if (op == Binary::sub && wants_b) db = negated(db);
                               return Tensors{da, db};
                             });
  }
  return Variable::from_op(name, y, {a, b}, [=, a = a.value(), b = b.value()](const Tensor& dy) {
    Tensor da = wants_a ? Tensor::empty_like(dy) : Tensor();
    Tensor db = wants_b ? Tensor::empty_like(dy) : Tensor();
    kernels::binary_backward(op, a, b, dy, da, db);
    return Tensors{wants_a ? sum_to(da, a.shape()) : da, wants_b ? sum_to(db, b.shape()) : db};
  });
}

bool any_complex(const Variable& a, const Variable& b) {
  return is_complex(a.dtype()) || is_complex(b.dtype());
}

}  // namespace

#define LW_DEFINE(name, Struct)                                             \
  Variable name(const Variable& x) {                                        \
    if (is_complex(x.dtype())) return complex_unary(Unary::name, #name, x); \
    return apply(#name, UnaryFunction{Unary::name}, x);                     \
  }
LW_UNARY_OPS(LW_DEFINE)
#undef LW_DEFINE

#define LW_DEFINE(name, Struct)                                              \
  Variable name(const Variable& a, const Variable& b) {                      \
    if (any_complex(a, b)) return complex_binary(Binary::name, #name, a, b); \
    return apply(#name, Binary::name, a, b);                                 \
  }
LW_BINARY_OPS(LW_DEFINE)
#undef LW_DEFINE

Variable clamp(const Variable& x, double low, double high) {
  check(low <= high, "clamp: expected low <= high, received ", low, " and ", high);
  return apply("clamp", UnaryFunction{Unary::clamp, low, high}, x);
}

Variable pow(const Variable& x, double exponent) {
  return apply("pow", UnaryFunction{Unary::pow, exponent}, x);
}

Tensor sum_to(const Tensor& gradient, const Shape& shape) {
  if (gradient.shape() == shape) return gradient;
  const int extra = gradient.rank() - shape.rank();
  kernels::Axes axes;
  Shape kept = gradient.shape();
  for (int axis = 0; axis < gradient.rank(); ++axis) {
    axes[axis] = axis < extra || (shape[axis - extra] == 1 && kept[axis] != 1);
    if (axes[axis]) kept[axis] = 1;
  }
  Tensor sum = Tensor::empty(kept, gradient.dtype(), gradient.device());
  kernels::sum(gradient, axes, 1, sum);
  return sum.reshape(shape);
}

}  // namespace lw
