#include "autograd/ops/dplr_scan.h"

#include "core/shape_check.h"
#include "kernels/dplr_scan/dplr_scan.h"

namespace lw {

DplrScanResult dplr_scan(const Variable& u, const Variable& dt, const Variable& lambda,
                         const Variable& P, const Variable& B, const Variable& C,
                         const DplrScanOptions& options) {
  const auto value = [](const Variable& v) { return v ? v.value() : Tensor(); };
  const kernels::DplrScan in{u.value(),        dt.value(), lambda.value(),       value(P),
                             B.value(),        C.value(),  value(options.state), options.resets,
                             options.intervals};
  ShapeCheck shapes("dplr_scan");
  shapes("u", in.u, {"batch", "time", "channel"});
  shapes("dt", in.dt, {"channel"});
  const DType complex = complex_of(in.u.dtype());
  shapes.of(complex, "lambda", in.lambda, {"channel", "state"});
  if (in.P) {
    shapes.of(complex, "P", in.P, {"rank", "channel", "state"});
    check(shapes["rank"] <= kernels::max_dplr_rank,
          "dplr_scan: expected a rank of 0, 1 or 2, received P ", in.P);
  }
  shapes.of(complex, "B", in.B, {"channel", "state"});
  shapes.of(complex, "C", in.C, {"channel", "state"});
  if (in.state) shapes.of(complex, "state", in.state, {"batch", "channel", "state"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});
  if (in.intervals) shapes.of(in.u.dtype(), "intervals", in.intervals, {"batch", "time"});

  Tensor y = Tensor::empty(in.u.shape(), in.u.dtype(), in.u.device());
  Tensor state =
      Tensor::empty({shapes["batch"], shapes["channel"], shapes["state"]}, complex, in.u.device());
  kernels::dplr_scan_forward(in, y, state);
  const Variables results = Variable::from_op(
      "dplr_scan", {y, state}, {u, dt, lambda, P, B, C, options.state}, [in](const Tensors& dys) {
        const auto like = [](const Tensor& t) { return t ? Tensor::empty_like(t) : Tensor(); };
        kernels::DplrScanGradients d{like(in.u), like(in.dt), like(in.lambda), like(in.P),
                                     like(in.B), like(in.C),  like(in.state)};
        kernels::dplr_scan_backward(in, dys[0] ? dys[0] : Tensor::zeros_like(in.u), dys[1], d);
        return Tensors{d.u, d.dt, d.lambda, d.P, d.B, d.C, d.state};
      });
  return {results[0], results[1]};
}

}  // namespace lw
