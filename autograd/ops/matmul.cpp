#include "autograd/ops/matmul.h"

#include "autograd/ops/elementwise.h"
#include "kernels/matmul/matmul.h"

namespace lw {
namespace {

Shape product_shape(const Shape& a, const Shape& b) {
  Shape leading = broadcast("matmul", a.without(-1).without(-1), b.without(-1).without(-1));
  return leading.inserted(leading.rank(), a[-2]).inserted(leading.rank() + 1, b[-1]);
}

/// op(a) op(b) with broadcast leading axes.
Tensor product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
               const Shape& shape) {
  Tensor c = Tensor::empty(shape, a.dtype(), a.device());
  kernels::matmul(a, b, {.transpose_a = transpose_a, .transpose_b = transpose_b}, c);
  return c;
}

/// [..., m, k] x [k, n], the leading axes folded into the rows.
Variable matmul_rows(const Variable& a, const Variable& b) {
  const Tensor rows = a.value().rows();
  const Tensor y = product(rows, false, b.value(), false, {rows.size(0), b.size(1)});
  return Variable::from_op("matmul", y.reshape(a.shape().with(-1, b.size(1))), {a, b},
                           [a = rows, b = b.value(), shape = a.shape(), needs_a = a.requires_grad(),
                            needs_b = b.requires_grad()](const Tensor& dy) {
                             const Tensor g = dy.rows();
                             Tensors grads(2);
                             if (needs_a)
                               grads[0] = product(g, false, b, true, a.shape()).reshape(shape);
                             if (needs_b) grads[1] = product(a, true, g, false, b.shape());
                             return grads;
                           });
}

}  // namespace

Variable matmul(const Variable& a, const Variable& b) {
  check(a.defined() && b.defined(), "matmul: an argument is missing");
  check(a.rank() >= 2 && b.rank() >= 2, "matmul: expected matrices, received ", a.value(), " and ",
        b.value());
  check(a.size(-1) == b.size(-2), "matmul: a has ", a.size(-1), " columns, b has ", b.size(-2),
        " rows\n  expected  a [..., m, k], b [..., k, n]\n  received  ", a.value(), " and ",
        b.value());
  check(a.dtype() == b.dtype(), "matmul: a is ", a.dtype(), ", b is ", b.dtype(),
        "; expected one dtype");
  if (b.rank() == 2 && a.rank() > 2) return matmul_rows(a, b);

  const Tensor y = product(a.value(), false, b.value(), false, product_shape(a.shape(), b.shape()));
  return Variable::from_op(
      "matmul", y, {a, b},
      [a = a.value(), b = b.value(), needs_a = a.requires_grad(),
       needs_b = b.requires_grad()](const Tensor& dy) {
        const Shape& shape = dy.shape();
        Tensors grads(2);
        if (needs_a)
          grads[0] = sum_to(product(dy, false, b, true, shape.with(-1, a.size(-1))), a.shape());
        if (needs_b)
          grads[1] = sum_to(product(a, true, dy, false, shape.with(-2, b.size(-2))), b.shape());
        return grads;
      });
}

}  // namespace lw
