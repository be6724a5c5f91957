#include "autograd/ops/selective_scan.h"

#include <algorithm>

#include "core/shape_check.h"
#include "kernels/selective_scan/selective_scan.h"

namespace lw {
namespace {

using kernels::SelectiveScan;

Tensor value_or_none(const Variable& v) { return v ? v.value() : Tensor(); }

void check_shapes(const SelectiveScan& in) {
  ShapeCheck shapes("selective_scan");
  shapes("u", in.u, {"batch", "time", "channel"});
  shapes("delta", in.delta, {"batch", "time", "channel"});
  shapes("A", in.A, {"channel", "state"});
  shapes("B", in.B, {"batch", "time", "state"});
  shapes("C", in.C, {"batch", "time", "state"});
  shapes.optional("D", in.D, {"channel"});
  shapes.optional("delta_bias", in.delta_bias, {"channel"});
  shapes.optional("z", in.z, {"batch", "time", "channel"});
  shapes.optional("initial_state", in.initial_state, {"batch", "channel", "state"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});
}

/// Room for the gradients of the arguments that are there.
SelectiveScan gradients_of(const SelectiveScan& in) {
  const auto like = [](const Tensor& t) { return t ? Tensor::empty_like(t) : Tensor(); };
  return {like(in.u),          like(in.delta), like(in.A),
          like(in.B),          like(in.C),     like(in.D),
          like(in.delta_bias), like(in.z),     like(in.initial_state)};
}

}  // namespace

SelectiveScanResult selective_scan(const Variable& u, const Variable& delta, const Variable& A,
                                   const Variable& B, const Variable& C,
                                   const SelectiveScanOptions& options) {
  const SelectiveScan in{value_or_none(u),
                         value_or_none(delta),
                         value_or_none(A),
                         value_or_none(B),
                         value_or_none(C),
                         value_or_none(options.D),
                         value_or_none(options.delta_bias),
                         value_or_none(options.z),
                         value_or_none(options.initial_state),
                         options.resets,
                         options.softplus};
  check_shapes(in);
  const Variables inputs{
      u, delta, A, B, C, options.D, options.delta_bias, options.z, options.initial_state};
  const bool has_gradient =
      NoGrad::recording() && std::any_of(inputs.begin(), inputs.end(),
                                         [](const Variable& v) { return v && v.requires_grad(); });

  const int64_t batch = in.u.size(0), time = in.u.size(1), channel = in.u.size(2);
  const int64_t state = in.A.size(1), chunk = kernels::selective_scan_chunk;
  const auto empty = [&](const Shape& shape) {
    return Tensor::empty(shape, in.u.dtype(), in.u.device());
  };
  Tensor y = empty(in.u.shape()), final_state = empty({batch, channel, state}), chunk_states;
  if (has_gradient) chunk_states = empty({batch, (time + chunk - 1) / chunk, state, channel});
  kernels::selective_scan_forward(in, y, final_state, chunk_states);

  const Variables results = Variable::from_op(
      "selective_scan", {y, final_state}, inputs, [in, chunk_states](const Tensors& dys) {
        const Tensor dy = dys[0] ? dys[0] : Tensor::zeros_like(in.u);
        SelectiveScan d = gradients_of(in);
        kernels::selective_scan_backward(in, chunk_states, dy, dys[1], d);
        return Tensors{d.u, d.delta, d.A, d.B, d.C, d.D, d.delta_bias, d.z, d.initial_state};
      });
  return {results[0], results[1]};
}

}  // namespace lw
