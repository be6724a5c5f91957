#include "autograd/ops/reduce.h"

#include "kernels/complex/complex.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/reduce/reduce.h"

namespace lw {
namespace {

using kernels::Axes;

/// The axes of a reduction and the shapes of its result.
struct Reduction {
  Axes axes{};
  Shape kept;     // with axes of size 1
  Shape dropped;  // without them
  int64_t count = 1;

  Reduction(const char* name, const Shape& shape, const std::vector<int>& which) : kept(shape) {
    axes.fill(which.empty());
    for (const int axis : which) {
      bool& named = axes[shape.checked_axis(axis)];
      check(!named, name, ": axis ", axis, " of ", shape, " is named twice");
      named = true;
    }
    dropped = Shape();
    for (int k = 0; k < shape.rank(); ++k) {
      if (axes[k]) {
        count *= shape[k];
        kept[k] = 1;
      } else {
        dropped = dropped.inserted(dropped.rank(), shape[k]);
      }
    }
  }
};

/// dy, with axes of size 1 where x was reduced, repeated to the shape of x and scaled.
Tensor repeated(const Tensor& dy, double scale, const Shape& shape) {
  Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
  const Tensor factor = Tensor::scalar(scale, dy.dtype(), dy.device());
  if (is_complex(dy.dtype())) {
    kernels::complex_binary({kernels::ComplexBinary::mul}, dy, factor, dx);
  } else {
    kernels::binary(kernels::Binary::mul, dy, factor, dx);
  }
  return dx;
}

Variable scaled_sum(const char* name, const Variable& x, const Reduction& how, double scale,
                    bool keepdims) {
  Tensor y = Tensor::empty(how.kept, x.dtype(), x.device());
  kernels::sum(x.value(), how.axes, scale, y);
  return Variable::from_op(name, keepdims ? y : y.reshape(how.dropped), {x},
                           [kept = how.kept, scale, shape = x.shape()](const Tensor& dy) {
                             return Tensors{repeated(dy.reshape(kept), scale, shape)};
                           });
}

}  // namespace

Variable sum(const Variable& x, const std::vector<int>& axes, bool keepdims) {
  return scaled_sum("sum", x, Reduction("sum", x.shape(), axes), 1, keepdims);
}

Variable mean(const Variable& x, const std::vector<int>& axes, bool keepdims) {
  const Reduction how("mean", x.shape(), axes);
  check(how.count > 0, "mean: there is no mean of nothing, received ", x.value());
  return scaled_sum("mean", x, how, 1. / static_cast<double>(how.count), keepdims);
}

Variable max(const Variable& x, const std::vector<int>& axes, bool keepdims) {
  const Reduction how("max", x.shape(), axes);
  const Tensor& in = x.value();
  Tensor y = Tensor::empty(how.kept, in.dtype(), in.device());
  kernels::max(in, how.axes, y);
  return Variable::from_op("max", keepdims ? y : y.reshape(how.dropped), {x},
                           [in, y, axes = how.axes](const Tensor& dy) {
                             Tensor dx = Tensor::empty_like(in);
                             kernels::max_backward(in, axes, y, dy.reshape(y.shape()), dx);
                             return Tensors{dx};
                           });
}

}  // namespace lw
