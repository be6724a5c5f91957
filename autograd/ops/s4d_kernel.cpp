#include "autograd/ops/s4d_kernel.h"

#include "core/shape_check.h"
#include "kernels/s4d_kernel/s4d_kernel.h"

namespace lw {

Variable s4d_kernel(const Variable& dt, const Variable& A, const Variable& C, int64_t time,
                    const S4dKernelOptions& options) {
  const kernels::S4dKernel in{dt.value(), A.value(),      options.B ? options.B.value() : Tensor(),
                              C.value(),  options.method, options.conjugate_pairs};
  ShapeCheck shapes("s4d_kernel");
  shapes("dt", in.dt, {"channel"});
  const DType complex = complex_of(in.dt.dtype());
  shapes.of(complex, "A", in.A, {"channel", "state"});
  shapes.of(complex, "C", in.C, {"channel", "state"});
  if (in.B) shapes.of(complex, "B", in.B, {"channel", "state"});
  check(time >= 0, "s4d_kernel: expected a time of at least 0, received ", time);

  Tensor K = Tensor::empty({shapes["channel"], time}, in.dt.dtype(), in.dt.device());
  kernels::s4d_kernel_forward(in, K);
  return Variable::from_op("s4d_kernel", K, {dt, A, C, options.B}, [in](const Tensor& dK) {
    kernels::S4dKernelGradients d{Tensor::empty_like(in.dt), Tensor::empty_like(in.A),
                                  in.B ? Tensor::empty_like(in.B) : Tensor(),
                                  Tensor::empty_like(in.C)};
    kernels::s4d_kernel_backward(in, dK, d);
    return Tensors{d.dt, d.A, d.C, d.B};
  });
}

}  // namespace lw
