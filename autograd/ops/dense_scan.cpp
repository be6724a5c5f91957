#include "autograd/ops/dense_scan.h"

#include "core/shape_check.h"
#include "kernels/dense_scan/dense_scan.h"

namespace lw {

DenseScanResult dense_scan(const Variable& u, const Variable& A, const Variable& B,
                           const Variable& C, const DenseScanOptions& options) {
  const kernels::DenseScan in{u.value(),
                              A.value(),
                              B.value(),
                              C.value(),
                              options.state ? options.state.value() : Tensor(),
                              options.resets};
  ShapeCheck shapes("dense_scan");
  shapes("u", in.u, {"batch", "time", "channel"});
  shapes("A", in.A, {"channel", "state", "state"});
  shapes("B", in.B, {"channel", "state"});
  shapes("C", in.C, {"channel", "output", "state"});
  shapes.optional("state", in.state, {"batch", "channel", "state"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});

  Tensor y = Tensor::empty({shapes["batch"], shapes["time"], shapes["channel"], shapes["output"]},
                           in.u.dtype(), in.u.device());
  Tensor state = Tensor::empty({shapes["batch"], shapes["channel"], shapes["state"]}, in.u.dtype(),
                               in.u.device());
  kernels::dense_scan_forward(in, y, state);
  const Variables results = Variable::from_op(
      "dense_scan", {y, state}, {u, A, B, C, options.state},
      [in, shape = y.shape()](const Tensors& dys) {
        const auto like = [](const Tensor& t) { return t ? Tensor::empty_like(t) : Tensor(); };
        kernels::DenseScanGradients d{like(in.u), like(in.A), like(in.B), like(in.C),
                                      like(in.state)};
        const Tensor dy = dys[0] ? dys[0] : Tensor::zeros(shape, in.u.dtype(), in.u.device());
        kernels::dense_scan_backward(in, dy, dys[1], d);
        return Tensors{d.u, d.A, d.B, d.C, d.state};
      });
  return {results[0], results[1]};
}

}  // namespace lw
