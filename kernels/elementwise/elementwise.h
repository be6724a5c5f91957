// Functions of each element: what the kernels compute, and the list of all functions.
//
//   unary            y  = f(x)
//   unary_backward   dx = dy f'(x)
//   binary           y  = f(a, b)
//   binary_backward  da = dy df/da,  db = dy df/db
//
// Shapes: those of y for x, dy, dx, da and db; a and b broadcast to that of y as in NumPy, which may
// be larger than both.
// dtypes: f32, f64, bf16 (computed in f32), one for all arguments. All may be pitched.
// Cost: reads and writes each tensor once; bound by memory for all but pow.
// Deterministic: each element depends on its own arguments alone.
#pragma once

#include "core/kernel.h"

// To add a function, write its struct in unary_ops-inl.h or binary_ops-inl.h and name it here; the
// kernels, the op of that name and its tests follow.
//
//   OP(name of the op, its struct)
#define LW_UNARY_OPS(OP)     \
  OP(neg, Neg)               \
  OP(abs, Abs)               \
  OP(square, Square)         \
  OP(sqrt, Sqrt)             \
  OP(rsqrt, Rsqrt)           \
  OP(reciprocal, Reciprocal) \
  OP(exp, Exp)               \
  OP(expm1, Expm1)           \
  OP(log, Log)               \
  OP(log1p, Log1p)           \
  OP(sin, Sin)               \
  OP(cos, Cos)               \
  OP(tanh, Tanh)             \
  OP(sigmoid, Sigmoid)       \
  OP(relu, Relu)             \
  OP(gelu, Gelu)             \
  OP(gelu_tanh, GeluTanh)    \
  OP(silu, Silu)             \
  OP(softplus, Softplus)

// Unary functions with numbers as parameters: their ops are written out in autograd/ops.
#define LW_PARAMETRIC_OPS(OP) \
  OP(clamp, Clamp)            \
  OP(pow, Pow)

#define LW_BINARY_OPS(OP) \
  OP(add, Add)            \
  OP(sub, Sub)            \
  OP(mul, Mul)            \
  OP(div, Div)            \
  OP(maximum, Maximum)    \
  OP(minimum, Minimum)    \
  OP(glu, Glu)            \
  OP(silu_gate, SiluGate)

namespace lw::kernels {

#define LW_NAME(name, Struct) name,
enum class Unary { LW_UNARY_OPS(LW_NAME) LW_PARAMETRIC_OPS(LW_NAME) };
enum class Binary { LW_BINARY_OPS(LW_NAME) };
#undef LW_NAME

/// Which tensor the gradient of a unary function reads: the cheapest that determines it.
enum class Keeps { nothing, input, output };
Keeps keeps_of(Unary op);

/// A unary function, with the numbers it takes: low and high for clamp, the exponent for pow.
struct UnaryFunction {
  Unary op;
  double first = 0, second = 0;
};

inline Kernel<void(const UnaryFunction& f, const Tensor& x, Tensor& y)> unary{"unary"};

/// `kept` is x, y or undefined, as keeps_of says.
inline Kernel<void(const UnaryFunction& f, const Tensor& dy, const Tensor& kept, Tensor& dx)>
    unary_backward{"unary_backward"};

inline Kernel<void(Binary op, const Tensor& a, const Tensor& b, Tensor& y)> binary{"binary"};

/// da and db have the shape of dy; a sum over the axes that were broadcast remains to be done. An
/// undefined one is not written.
inline Kernel<void(Binary op, const Tensor& a, const Tensor& b, const Tensor& dy, Tensor& da,
                   Tensor& db)>
    binary_backward{"binary_backward"};

}  // namespace lw::kernels
