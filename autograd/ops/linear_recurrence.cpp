#include "autograd/ops/linear_recurrence.h"

#include "autograd/ops/shape.h"
#include "core/shape_check.h"
#include "kernels/linear_recurrence/linear_recurrence.h"

namespace lw {

LinearRecurrenceResult linear_recurrence(const Variable& x, const Variable& a,
                                         const LinearRecurrenceOptions& options) {
  const kernels::LinearRecurrence in{x.value(), a.value(),
                                     options.state ? options.state.value() : Tensor(),
                                     options.resets, options.complex};
  ShapeCheck shapes("linear_recurrence");
  shapes("x", in.x, {"batch", "time", "channel"});
  in.a.rank() == 1 ? shapes.of(in.x.dtype(), "a", in.a, {"channel"})
                   : shapes.of(in.x.dtype(), "a", in.a, {"batch", "time", "channel"});
  if (in.state) shapes.of(in.x.dtype(), "state", in.state, {"batch", "channel"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});
  check(shapes["time"] > 0, "linear_recurrence: expected at least one step, received x ",
        in.x.shape());
  check(!in.complex || shapes["channel"] % 2 == 0,
        "linear_recurrence: complex rows hold as many imaginary as real parts, received ",
        shapes["channel"], " numbers");

  Tensor h = Tensor::empty(in.x.shape(), in.x.dtype(), in.x.device());
  kernels::linear_recurrence_forward(in, h);
  const Variable result =
      Variable::from_op("linear_recurrence", h, {x, a, options.state}, [in, h](const Tensor& dh) {
        const auto like = [](const Tensor& t) { return t ? Tensor::empty_like(t) : Tensor(); };
        kernels::LinearRecurrenceGradients d{like(in.x), like(in.a), like(in.state)};
        kernels::linear_recurrence_backward(in, h, dh, d);
        return Tensors{d.x, d.a, d.state};
      });
  return {result, select(result, 1, in.x.size(1) - 1)};
}

}  // namespace lw
