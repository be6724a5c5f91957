#include "autograd/ops/glu.h"

namespace lw {

Variable glu(const Variable& x) {
  const Tensor in = x.value();
  check(in.rank() >= 1 && in.size(-1) % 2 == 0, "glu: expected a last axis of even size, received ",
        in);
  const int64_t channels = in.size(-1) / 2;
  const auto first = [channels](const Tensor& t) { return t.slice(-1, 0, channels); };
  const auto second = [channels](const Tensor& t) { return t.slice(-1, channels, 2 * channels); };
  Tensor y = Tensor::empty(in.shape().with(-1, channels), in.dtype(), in.device());
  kernels::binary(kernels::Binary::glu, first(in), second(in), y);
  return Variable::from_op("glu", y, {x}, [in, first, second](const Tensor& dy) {
    Tensor dx = Tensor::empty_like(in);
    Tensor da = first(dx), db = second(dx);
    kernels::binary_backward(kernels::Binary::glu, first(in), second(in), dy, da, db);
    return Tensors{dx};
  });
}

}  // namespace lw
