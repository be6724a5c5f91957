#include "autograd/ops/rnn.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape.h"
#include "core/shape_check.h"
#include "kernels/matmul/matmul.h"

namespace lw {
namespace {

/// The h that each step multiplied with W, [batch, time, channel].
Tensor states_before(const kernels::Rnn& in, const Tensor& h) {
  const NoGrad no_grad;
  const int64_t batch = h.size(0), time = h.size(1), n = h.size(2);
  const Tensor first = in.state ? in.state.slice(1, 0, n).reshape({batch, 1, n})
                                : Tensor::zeros({batch, 1, n}, h.dtype(), h.device());
  const Tensor before = concat({first, h.slice(1, 0, time - 1)}, 1).value();
  if (!in.resets) return before;
  const Variable keeps = 1 - Variable(in.resets.to(h.dtype()).reshape({batch, time, 1}));
  return (Variable(before) * keeps).value();
}

}  // namespace

RnnResult rnn(RnnCell cell, const Variable& x, const Variable& W, const Variable& b,
              const RnnOptions& options) {
  const kernels::Rnn in{cell,
                        x.value(),
                        W.value(),
                        b.value(),
                        options.state ? options.state.value() : Tensor(),
                        options.resets};
  ShapeCheck shapes("rnn");
  const DType dtype = in.x.dtype();
  shapes("x", in.x, {"batch", "time", "gates"});
  shapes.of(dtype, "W", in.W, {"gates", "channel"});
  shapes.of(dtype, "b", in.b, {"gates"});
  const int64_t n = shapes["channel"], states = kernels::rnn_states(cell);
  check(shapes["gates"] == kernels::rnn_gates(cell) * n, "rnn: W is ", in.W.shape(), ", expected ",
        kernels::rnn_gates(cell), " rows for each of its ", n, " columns");
  check(shapes["time"] > 0, "rnn: expected at least one step, received x ", in.x.shape());
  shapes.fix("state", states * n, "the states of this cell", Shape{states, n});
  if (in.state) shapes.of(dtype, "state", in.state, {"batch", "state"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});

  const auto empty = [&](const Shape& shape) { return Tensor::empty(shape, dtype, in.x.device()); };
  const Shape steps{shapes["batch"], shapes["time"], n};
  Tensor h = empty(steps), state = empty({shapes["batch"], states * n});
  const int64_t kept = kernels::rnn_saved(cell) * n;
  Tensor saved = kept > 0 && NoGrad::recording() ? empty(steps.with(-1, kept)) : Tensor();
  kernels::rnn_forward(in, h, state, saved);
  const Variables results = Variable::from_op(
      "rnn", {h, state}, {x, W, b, options.state}, [in, h, saved](const Tensors& dys) {
        Tensor dx = Tensor::empty_like(in.x);
        Tensor dp = in.cell == RnnCell::gru ? Tensor::empty_like(in.x) : dx;
        Tensor dstate = in.state ? Tensor::empty_like(in.state) : Tensor();
        kernels::rnn_backward(in, h, saved, dys[0] ? dys[0] : Tensor::zeros_like(h), dys[1], dx, dp,
                              dstate);
        Tensor dW = Tensor::empty_like(in.W), db = Tensor::empty_like(in.b);
        const Tensor rows = dp.rows();
        kernels::matmul(rows, states_before(in, h).rows(), {.transpose_a = true}, dW);
        kernels::column_sums(rows, db);
        return Tensors{dx, dW, db, dstate};
      });
  return {results[0], results[1]};
}

}  // namespace lw
