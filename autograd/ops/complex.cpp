#include "autograd/ops/complex.h"

#include "autograd/ops/elementwise.h"
#include "kernels/complex/complex.h"

namespace lw {
namespace {

using kernels::Binary;
using kernels::ComplexBinary;
using kernels::ComplexUnary;
using kernels::Unary;

Tensor apply(ComplexUnary f, const Tensor& x, DType dtype) {
  Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  kernels::complex_unary(f, x, y);
  return y;
}

/// f(a, b) in the dtype given: a real one takes the real part.
Tensor apply(const ComplexBinary& f, const Tensor& a, const Tensor& b, DType dtype) {
  Tensor y = Tensor::empty(broadcast("complex", a.shape(), b.shape()), dtype, a.device());
  kernels::complex_binary(f, a, b, y);
  return y;
}

void expect_complex(const char* name, const Variable& x) {
  check(is_complex(x.dtype()), name, ": expected a complex value, received ", x.value());
}

Tensor zero(const Tensor& like) { return Tensor::scalar(0, real_of(like.dtype()), like.device()); }

/// What the gradient of an argument looks like.
struct Like {
  Shape shape;
  DType dtype;
  explicit Like(const Variable& x) : shape(x.shape()), dtype(x.dtype()) {}

  /// Its gradient, from a complex one of broadcast shape.
  Tensor operator()(const Tensor& gradient) const {
    const Tensor summed = sum_to(gradient, shape);
    return is_complex(dtype) ? summed : apply(ComplexUnary::real, summed, dtype);
  }
};

}  // namespace

Variable complex(const Variable& re, const Variable& im) {
  check(re.dtype() == im.dtype(), "complex: expected two values of one dtype, received ",
        re.value(), " and ", im.value());
  check(re.dtype() == DType::f32 || re.dtype() == DType::f64,
        "complex: expected dtype f32 or f64, received ", re.dtype());
  Tensor y = apply({ComplexBinary::join}, re.value(), im.value(), complex_of(re.dtype()));
  return Variable::from_op(
      "complex", y, {re, im},
      [to_re = re.shape(), to_im = im.shape(), dtype = re.dtype()](const Tensor& dy) {
        return Tensors{sum_to(apply(ComplexUnary::real, dy, dtype), to_re),
                       sum_to(apply(ComplexUnary::imag, dy, dtype), to_im)};
      });
}

Variable real(const Variable& x) {
  expect_complex("real", x);
  Tensor y = apply(ComplexUnary::real, x.value(), real_of(x.dtype()));
  return Variable::from_op("real", y, {x}, [dtype = x.dtype()](const Tensor& dy) {
    return Tensors{apply({ComplexBinary::join}, dy, zero(dy), dtype)};
  });
}

Variable imag(const Variable& x) {
  expect_complex("imag", x);
  Tensor y = apply(ComplexUnary::imag, x.value(), real_of(x.dtype()));
  return Variable::from_op("imag", y, {x}, [dtype = x.dtype()](const Tensor& dy) {
    return Tensors{apply({ComplexBinary::join}, zero(dy), dy, dtype)};
  });
}

Variable conj(const Variable& x) {
  expect_complex("conj", x);
  return Variable::from_op(
      "conj", apply(ComplexUnary::conj, x.value(), x.dtype()), {x},
      [](const Tensor& dy) { return Tensors{apply(ComplexUnary::conj, dy, dy.dtype())}; });
}

Variable abs2(const Variable& x) {
  expect_complex("abs2", x);
  const Tensor in = x.value();
  Tensor y = apply(ComplexUnary::abs2, in, real_of(in.dtype()));
  return Variable::from_op("abs2", y, {x}, [in](const Tensor& dy) {
    const Tensor twice = apply({ComplexBinary::add}, dy, dy, dy.dtype());
    return Tensors{apply({ComplexBinary::mul}, in, twice, in.dtype())};
  });
}

Variable complex_unary(Unary op, const char* name, const Variable& x) {
  const DType dtype = x.dtype();
  switch (op) {
    case Unary::neg:
      return Variable::from_op(
          name, apply(ComplexUnary::neg, x.value(), dtype), {x},
          [dtype](const Tensor& dy) { return Tensors{apply(ComplexUnary::neg, dy, dtype)}; });
    case Unary::exp: {
      const Tensor y = apply(ComplexUnary::exp, x.value(), dtype);
      return Variable::from_op(name, y, {x}, [y, dtype](const Tensor& dy) {
        return Tensors{apply({ComplexBinary::mul, true}, dy, y, dtype)};
      });
    }
    case Unary::expm1: {
      const Tensor in = x.value();
      return Variable::from_op(
          name, apply(ComplexUnary::expm1, in, dtype), {x}, [in, dtype](const Tensor& dy) {
            return Tensors{
                apply({ComplexBinary::mul, true}, dy, apply(ComplexUnary::exp, in, dtype), dtype)};
          });
    }
    default:
      throw Error(str(name, ": expected a real value, received ", x.value()));
  }
}

Variable complex_binary(Binary op, const char* name, const Variable& a, const Variable& b) {
  const Tensor A = a.value(), B = b.value();
  check(real_of(a.dtype()) == real_of(b.dtype()), name,
        ": expected two values of one precision, received ", A, " and ", B);
  const DType dtype = is_complex(a.dtype()) ? a.dtype() : b.dtype();
  const auto result = [&](ComplexBinary::Op f, Variable::Gradient gradient) {
    broadcast(name, a.shape(), b.shape());
    return Variable::from_op(name, apply({f}, A, B, dtype), {a, b}, std::move(gradient));
  };
  const Like like_a(a), like_b(b);
  switch (op) {
    case Binary::add:
      return result(ComplexBinary::add, [like_a, like_b](const Tensor& dy) {
        return Tensors{like_a(dy), like_b(dy)};
      });
    case Binary::sub:
      return result(ComplexBinary::sub, [like_a, like_b, dtype](const Tensor& dy) {
        return Tensors{like_a(dy), like_b(apply(ComplexUnary::neg, dy, dtype))};
      });
    case Binary::mul:
      return result(ComplexBinary::mul, [like_a, like_b, A, B, dtype](const Tensor& dy) {
        return Tensors{like_a(apply({ComplexBinary::mul, true}, dy, B, dtype)),
                       like_b(apply({ComplexBinary::mul, true}, dy, A, dtype))};
      });
    case Binary::div:
      return result(ComplexBinary::div, [like_a, like_b, A, B, dtype](const Tensor& dy) {
        const Tensor da = apply({ComplexBinary::div, true}, dy, B, dtype);
        const Tensor y = apply({ComplexBinary::div}, A, B, dtype);
        const Tensor db = apply({ComplexBinary::mul, true}, da, y, dtype);
        return Tensors{like_a(da), like_b(apply(ComplexUnary::neg, db, dtype))};
      });
    default:
      throw Error(str(name, ": expected real values, received ", A, " and ", B));
  }
}

}  // namespace lw
