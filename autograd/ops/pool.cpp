#include "autograd/ops/pool.h"

#include "core/shape_check.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/reduce/reduce.h"

namespace lw {
namespace {

/// The length of each sequence of x.
std::vector<int64_t> lengths_of(const char* name, const Tensor& x, const Tensor& lengths) {
  ShapeCheck shapes(name);
  shapes("x", x, {"batch", "time", "channel"});
  const int64_t batch = x.size(0), time = x.size(1);
  std::vector<int64_t> result(static_cast<size_t>(batch), time);
  if (lengths.defined()) {
    shapes.of(DType::i64, "lengths", lengths, {"batch"});
    const Tensor here = lengths.to(host);
    const auto view = here.view<const int64_t, 1>();
    for (int64_t b = 0; b < batch; ++b) result[static_cast<size_t>(b)] = view(b);
  }
  for (size_t b = 0; b < result.size(); ++b)
    check(1 <= result[b] && result[b] <= time, name, ": the length of sequence ", b, " is ",
          result[b], ", expected one in [1, ", time, "]");
  return result;
}

/// Steps [begin, end) of sequence b.
Tensor steps(const Tensor& x, size_t b, int64_t begin, int64_t end) {
  const auto row = static_cast<int64_t>(b);
  return x.slice(0, row, row + 1).slice(1, begin, end);
}

}  // namespace

Variable mean_pool(const Variable& x, const Tensor& lengths) {
  const Tensor& in = x.value();
  const std::vector<int64_t> length = lengths_of("mean_pool", in, lengths);
  Tensor y = Tensor::empty(in.shape().with(1, 1), in.dtype(), in.device());
  for (size_t b = 0; b < length.size(); ++b) {
    Tensor mean = steps(y, b, 0, 1);
    kernels::sum(steps(in, b, 0, length[b]), {false, true}, 1. / static_cast<double>(length[b]),
                 mean);
  }
  return Variable::from_op(
      "mean_pool", y.reshape(in.shape().without(1)), {x},
      [length, shape = in.shape()](const Tensor& dy) {
        const Tensor dy3 = dy.reshape(shape.with(1, 1));
        Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
        for (size_t b = 0; b < length.size(); ++b) {
          Tensor inside = steps(dx, b, 0, length[b]);
          const Tensor share =
              Tensor::scalar(1. / static_cast<double>(length[b]), dy.dtype(), dy.device());
          kernels::binary(kernels::Binary::mul, steps(dy3, b, 0, 1), share, inside);
          steps(dx, b, length[b], shape[1]).fill(0);
        }
        return Tensors{dx};
      });
}

Variable last_step(const Variable& x, const Tensor& lengths) {
  const Tensor& in = x.value();
  const std::vector<int64_t> length = lengths_of("last_step", in, lengths);
  Tensor y = Tensor::empty(in.shape().with(1, 1), in.dtype(), in.device());
  for (size_t b = 0; b < length.size(); ++b)
    steps(y, b, 0, 1).copy_from(steps(in, b, length[b] - 1, length[b]));
  return Variable::from_op(
      "last_step", y.reshape(in.shape().without(1)), {x},
      [length, shape = in.shape()](const Tensor& dy) {
        const Tensor dy3 = dy.reshape(shape.with(1, 1));
        Tensor dx = Tensor::zeros(shape, dy.dtype(), dy.device());
        for (size_t b = 0; b < length.size(); ++b)
          steps(dx, b, length[b] - 1, length[b]).copy_from(steps(dy3, b, 0, 1));
        return Tensors{dx};
      });
}

}  // namespace lw
