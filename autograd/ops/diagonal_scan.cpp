#include "autograd/ops/diagonal_scan.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape.h"
#include "core/shape_check.h"
#include "kernels/diagonal_scan/diagonal_scan.h"

namespace lw {

DiagonalScanResult diagonal_scan(const Variable& u, const Variable& A, const Variable& B,
                                 const Variable& C, const DiagonalScanOptions& options) {
  const kernels::DiagonalScan in{u.value(),
                                 A.value(),
                                 B.value(),
                                 C.value(),
                                 options.state ? options.state.value() : Tensor(),
                                 options.resets,
                                 options.conjugate_pairs,
                                 options.intervals,
                                 options.method};
  ShapeCheck shapes("diagonal_scan");
  shapes("u", in.u, {"batch", "time", "channel"});
  const DType complex = complex_of(in.u.dtype());
  shapes.of(complex, "A", in.A, {"channel", "state"});
  shapes.of(complex, "B", in.B, {"channel", "state"});
  shapes.of(complex, "C", in.C, {"channel", "state"});
  if (in.state) shapes.of(complex, "state", in.state, {"batch", "channel", "state"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});
  if (in.intervals) shapes.of(in.u.dtype(), "intervals", in.intervals, {"batch", "time"});

  Tensor y = Tensor::empty(in.u.shape(), in.u.dtype(), in.u.device());
  Tensor state =
      Tensor::empty({shapes["batch"], shapes["channel"], shapes["state"]}, complex, in.u.device());
  kernels::diagonal_scan_forward(in, y, state);
  const Variables results = Variable::from_op(
      "diagonal_scan", {y, state}, {u, A, B, C, options.state}, [in](const Tensors& dys) {
        const auto like = [](const Tensor& t) { return t ? Tensor::empty_like(t) : Tensor(); };
        kernels::DiagonalScanGradients d{like(in.u), like(in.A), like(in.B), like(in.C),
                                         like(in.state)};
        kernels::diagonal_scan_backward(in, dys[0] ? dys[0] : Tensor::zeros_like(in.u), dys[1], d);
        return Tensors{d.u, d.A, d.B, d.C, d.state};
      });
  return {results[0], results[1]};
}

int64_t shortest_scan_in_chunks(const Tensor& u) {
  int64_t steps = 0;
  kernels::diagonal_scan_shortest_in_chunks(u, steps);
  return steps;
}

DiagonalScanResult sampled_diagonal_scan(const Variable& u, const Variable& dt, const Variable& A,
                                         const Variable& B, const Variable& C,
                                         const DiagonalScanOptions& options) {
  if (!options.intervals) {
    const auto [Abar, Bbar] = discretize(dt, A, B, options.method);
    return diagonal_scan(u, Abar, Bbar, C, options);
  }
  const Variable step = reshape(dt, {dt.size(0), 1});
  const Variable ones = Tensor::full(A.shape(), 1, A.dtype(), A.device());
  return diagonal_scan(u, step * A, step * (B ? B : ones), C, options);
}

}  // namespace lw
