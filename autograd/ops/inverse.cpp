#include "autograd/ops/inverse.h"

#include "kernels/inverse/inverse.h"
#include "kernels/matmul/matmul.h"

namespace lw {

Variable inverse(const Variable& M) {
  check(M.defined(), "inverse: the argument is missing");
  check(M.rank() >= 2 && M.size(-1) == M.size(-2),
        "inverse: expected square matrices [..., N, N], received ", M.value());
  const int64_t N = M.size(-1), batch = N == 0 ? 0 : M.value().numel() / (N * N);
  Tensor X = Tensor::empty({batch, N, N}, M.dtype(), M.device());
  kernels::inverse(M.value().reshape({batch, N, N}), X);
  return Variable::from_op(
      "inverse", X.reshape(M.shape()), {M}, [X, shape = M.shape()](const Tensor& dX) {
        // dM = -X^T dX X^T
        Tensor left = Tensor::empty_like(X), dM = Tensor::empty_like(X);
        kernels::matmul(X, dX.reshape(X.shape()), {.transpose_a = true, .alpha = -1}, left);
        kernels::matmul(left, X, {.transpose_b = true}, dM);
        return Tensors{dM.reshape(shape)};
      });
}

}  // namespace lw
