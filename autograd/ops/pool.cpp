#include "autograd/ops/pool.h"

#include "core/shape_check.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/reduce/reduce.h"

namespace lw {
namespace {

/// Neighbouring sequences [begin, end) of one length: what is done to them is one call.
struct Run {
  int64_t begin, end, length;

  /// Steps [first, last) of these sequences of x.
  Tensor steps(const Tensor& x, int64_t first, int64_t last) const {
    return x.slice(0, begin, end).slice(1, first, last);
  }
};

/// The sequences of x; without lengths all have the same.
std::vector<Run> runs_of(const char* name, const Tensor& x, const Tensor& lengths) {
  ShapeCheck shapes(name);
  shapes("x", x, {"batch", "time", "channel"});
  const int64_t batch = x.size(0), time = x.size(1);
  check(time >= 1, name, ": `x` is ", x, ", which has no steps");
  if (!lengths.defined()) return {{0, batch, time}};
  shapes.of(DType::i64, "lengths", lengths, {"batch"});
  const Tensor here = lengths.to(host);
  const auto length = here.view<const int64_t, 1>();
  std::vector<Run> runs;
  for (int64_t b = 0; b < batch; ++b) {
    check(1 <= length(b) && length(b) <= time, name, ": the length of sequence ", b, " is ",
          length(b), ", expected one in [1, ", time, "]");
    if (runs.empty() || runs.back().length != length(b)) runs.push_back({b, b, length(b)});
    runs.back().end = b + 1;
  }
  return runs;
}

}  // namespace

Variable mean_pool(const Variable& x, const Tensor& lengths) {
  const Tensor& in = x.value();
  const std::vector<Run> runs = runs_of("mean_pool", in, lengths);
  Tensor y = Tensor::empty(in.shape().with(1, 1), in.dtype(), in.device());
  for (const Run& run : runs) {
    Tensor mean = run.steps(y, 0, 1);
    kernels::sum(run.steps(in, 0, run.length), {false, true}, 1. / static_cast<double>(run.length),
                 mean);
  }
  return Variable::from_op(
      "mean_pool", y.reshape(in.shape().without(1)), {x},
      [runs, shape = in.shape()](const Tensor& dy) {
        const Tensor dy3 = dy.reshape(shape.with(1, 1));
        Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
        for (const Run& run : runs) {
          Tensor inside = run.steps(dx, 0, run.length);
          const Tensor share =
              Tensor::scalar(1. / static_cast<double>(run.length), dy.dtype(), dy.device());
          kernels::binary(kernels::Binary::mul, run.steps(dy3, 0, 1), share, inside);
          run.steps(dx, run.length, shape[1]).fill(0);
        }
        return Tensors{dx};
      });
}

Variable last_step(const Variable& x, const Tensor& lengths) {
  const Tensor& in = x.value();
  const std::vector<Run> runs = runs_of("last_step", in, lengths);
  Tensor y = Tensor::empty(in.shape().with(1, 1), in.dtype(), in.device());
  for (const Run& run : runs)
    run.steps(y, 0, 1).copy_from(run.steps(in, run.length - 1, run.length));
  return Variable::from_op(
      "last_step", y.reshape(in.shape().without(1)), {x},
      [runs, shape = in.shape()](const Tensor& dy) {
        const Tensor dy3 = dy.reshape(shape.with(1, 1));
        Tensor dx = Tensor::zeros(shape, dy.dtype(), dy.device());
        for (const Run& run : runs)
          run.steps(dx, run.length - 1, run.length).copy_from(run.steps(dy3, 0, 1));
        return Tensors{dx};
      });
}

}  // namespace lw
