#include "autograd/ops/discretize.h"

#include "core/shape_check.h"

namespace lw {

DiscretizeResult discretize(const Variable& dt, const Variable& A, const Variable& B,
                            Discretization method) {
  const kernels::Discretize in{dt.value(), A.value(), B ? B.value() : Tensor(), method};
  ShapeCheck shapes("discretize");
  shapes("dt", in.dt, {"channel"});
  const DType complex = complex_of(in.dt.dtype());
  shapes.of(complex, "A", in.A, {"channel", "state"});
  if (in.B) shapes.of(complex, "B", in.B, {"channel", "state"});

  Tensor Abar = Tensor::empty_like(in.A), Bbar = Tensor::empty_like(in.A);
  kernels::discretize_forward(in, Abar, Bbar);
  const Variables results =
      Variable::from_op("discretize", {Abar, Bbar}, {dt, A, B}, [in](const Tensors& dys) {
        const auto or_zero = [&](const Tensor& dy) { return dy ? dy : Tensor::zeros_like(in.A); };
        kernels::DiscretizeGradients d{Tensor::empty_like(in.dt), Tensor::empty_like(in.A),
                                       in.B ? Tensor::empty_like(in.B) : Tensor()};
        kernels::discretize_backward(in, or_zero(dys[0]), or_zero(dys[1]), d);
        return Tensors{d.dt, d.A, d.B};
      });
  return {results[0], results[1]};
}

}  // namespace lw
