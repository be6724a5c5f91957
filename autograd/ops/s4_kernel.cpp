#include "autograd/ops/s4_kernel.h"

#include "core/shape_check.h"
#include "kernels/fft/fft_plan.h"
#include "kernels/s4_kernel/s4_kernel.h"

namespace lw {

Variable s4_kernel(const Variable& dt, const Variable& lambda, const Variable& P, const Variable& B,
                   const Variable& Ct, const S4KernelOptions& options) {
  const kernels::S4Kernel in{dt.value(), lambda.value(), P ? P.value() : Tensor(),
                             B.value(),  Ct.value(),     options.length};
  ShapeCheck shapes("s4_kernel");
  shapes("dt", in.dt, {"channel"});
  const DType complex = complex_of(in.dt.dtype());
  shapes.of(complex, "lambda", in.lambda, {"channel", "state"});
  if (in.P) {
    shapes.of(complex, "P", in.P, {"rank", "channel", "state"});
    check(shapes["rank"] <= kernels::max_s4_rank,
          "s4_kernel: expected a rank of 0, 1 or 2, received P ", in.P);
  }
  shapes.of(complex, "B", in.B, {"channel", "state"});
  shapes.of(complex, "Ct", in.Ct, {"channel", "state"});
  const int64_t fast = kernels::next_fast_length(in.length);
  check(in.length >= 1 && fast == in.length, "s4_kernel: expected a length of the form 2^a 3^b 5^c",
        ", received ", in.length, "; the next one is ", fast);
  check(options.time >= 0 && options.time <= in.length,
        "s4_kernel: expected a time from 0 to length = ", in.length,
        ", for which Ct was made, received ", options.time);

  Tensor K = Tensor::empty({shapes["channel"], options.time}, in.dt.dtype(), in.dt.device());
  kernels::s4_kernel_forward(in, K);
  return Variable::from_op("s4_kernel", K, {dt, lambda, P, B, Ct}, [in](const Tensor& dK) {
    kernels::S4KernelGradients d{Tensor::empty_like(in.dt), Tensor::empty_like(in.lambda),
                                 in.P ? Tensor::empty_like(in.P) : Tensor(),
                                 Tensor::empty_like(in.B), Tensor::empty_like(in.Ct)};
    kernels::s4_kernel_backward(in, dK, d);
    return Tensors{d.dt, d.lambda, d.P, d.B, d.Ct};
  });
}

}  // namespace lw
