#include "kernels/complex/complex.h"

#include <cmath>

#include "kernels/elementwise/nest.h"

namespace lw::kernels {
namespace {

/// A complex number whose product is the textbook's four multiplications: std::complex checks each
/// for infinities, which costs more than the product.
template <class T>
struct Number {
  T re = 0, im = 0;
};
template <class T>
Number<T> operator*(Number<T> a, Number<T> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class T>
Number<T> conj(Number<T> a) {
  return {a.re, -a.im};
}
/// Smith's division: scaled by the larger part of b, so that b b* does not overflow.
template <class T>
Number<T> operator/(Number<T> a, Number<T> b) {
  if (std::abs(b.re) >= std::abs(b.im)) {
    const T ratio = b.im / b.re, scale = b.re + b.im * ratio;
    return {(a.re + a.im * ratio) / scale, (a.im - a.re * ratio) / scale};
  }
  const T ratio = b.re / b.im, scale = b.re * ratio + b.im;
  return {(a.re * ratio + a.im) / scale, (a.im * ratio - a.re) / scale};
}

/// One operand's elements along a row, real or complex.
template <class T>
class Row {
 public:
  Row(const Tensor& tensor, int64_t offset, int64_t step)
      : parts_(is_complex(tensor.dtype()) ? 2 : 1),
        at_(static_cast<T*>(tensor.raw()) + parts_ * offset),
        step_(parts_ * step) {}

  Number<T> read(int64_t i) const {
    const T* p = at_ + i * step_;
    return {p[0], parts_ == 2 ? p[1] : T{0}};
  }
  void write(int64_t i, Number<T> value) const {
    T* p = at_ + i * step_;
    p[0] = value.re;
    if (parts_ == 2) p[1] = value.im;
  }

 private:
  int64_t parts_;
  T* at_;
  int64_t step_;
};

template <class T>
Number<T> apply(const ComplexBinary& f, Number<T> a, Number<T> b) {
  if (f.conjugate_b) b = conj(b);
  switch (f.op) {
    case ComplexBinary::add:
      return {a.re + b.re, a.im + b.im};
    case ComplexBinary::sub:
      return {a.re - b.re, a.im - b.im};
    case ComplexBinary::mul:
      return a * b;
    case ComplexBinary::div:
      return a / b;
    case ComplexBinary::join:
      return {a.re, b.re};
  }
  return {};
}

template <class T>
Number<T> apply(ComplexUnary f, Number<T> x) {
  switch (f) {
    case ComplexUnary::neg:
      return {-x.re, -x.im};
    case ComplexUnary::conj:
      return conj(x);
    case ComplexUnary::exp: {
      const T size = std::exp(x.re);
      return {size * std::cos(x.im), size * std::sin(x.im)};
    }
    case ComplexUnary::real:
      return {x.re, 0};
    case ComplexUnary::imag:
      return {x.im, 0};
    case ComplexUnary::abs2:
      return {x.re * x.re + x.im * x.im, 0};
  }
  return {};
}

void complex_binary_cpu(const ComplexBinary& f, const Tensor& a, const Tensor& b, Tensor& y) {
  const Shape shape = broadcast("complex_binary", a.shape(), b.shape());
  const DType dtype = real_of(y.dtype());
  check(broadcast("complex_binary", shape, y.shape()) == y.shape() && real_of(a.dtype()) == dtype &&
            real_of(b.dtype()) == dtype,
        "complex_binary: ", a, " and ", b, " into ", y);
  for_float("complex_binary", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Nest<3> nest(y.shape(), {&a, &b, &y});
    nest.for_rows([&](const auto& offset, int64_t count) {
      const Row<T> in(a, offset[0], nest.row.stride[0]), by(b, offset[1], nest.row.stride[1]);
      const Row<T> out(y, offset[2], nest.row.stride[2]);
      for (int64_t i = 0; i < count; ++i) out.write(i, apply(f, in.read(i), by.read(i)));
    });
  });
}

void complex_unary_cpu(ComplexUnary f, const Tensor& x, Tensor& y) {
  check(x.shape() == y.shape() && real_of(x.dtype()) == real_of(y.dtype()), "complex_unary: ", x,
        " into ", y);
  for_float("complex_unary", real_of(x.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Nest<2> nest(y.shape(), {&x, &y});
    nest.for_rows([&](const auto& offset, int64_t count) {
      const Row<T> in(x, offset[0], nest.row.stride[0]), out(y, offset[1], nest.row.stride[1]);
      for (int64_t i = 0; i < count; ++i) out.write(i, apply(f, in.read(i)));
    });
  });
}

const Implementation cpu[] = {{complex_binary, DeviceKind::cpu, &complex_binary_cpu},
                              {complex_unary, DeviceKind::cpu, &complex_unary_cpu}};

}  // namespace
}  // namespace lw::kernels
