#include "core/nest.h"
#include "kernels/complex/functions.h"

namespace lw::kernels {
namespace {

/// One operand's elements along a row, real or complex.
template <class T>
class Row {
 public:
  Row(const Tensor& tensor, int64_t offset, int64_t step)
      : parts_(is_complex(tensor.dtype()) ? 2 : 1),
        at_(static_cast<T*>(tensor.raw()) + parts_ * offset),
        step_(parts_ * step) {}

  Complex<T> read(int64_t i) const {
    const T* p = at_ + i * step_;
    return {p[0], parts_ == 2 ? p[1] : T{0}};
  }
  void write(int64_t i, Complex<T> value) const {
    T* p = at_ + i * step_;
    p[0] = value.re;
    if (parts_ == 2) p[1] = value.im;
  }

 private:
  int64_t parts_;
  T* at_;
  int64_t step_;
};

void complex_binary_cpu(const ComplexBinary& f, const Tensor& a, const Tensor& b, Tensor& y) {
  check_complex_binary(a, b, y);
  for_float("complex_binary", real_of(y.dtype()), [&](auto tag) {
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
  check_complex_unary(x, y);
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
