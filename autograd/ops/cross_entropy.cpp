#include "autograd/ops/cross_entropy.h"

#include <algorithm>

#include "autograd/ops/cross_entropy_arguments.h"

namespace lw {

using kernels::CrossEntropy;

Variable cross_entropy(const Variable& logits, const Tensor& targets,
                       const CrossEntropyOptions& options) {
  check(logits.defined() && logits.rank() >= 1 && logits.size(-1) >= 1,
        "cross_entropy: `logits` is ", logits ? logits.value() : Tensor(),
        ", expected [..., classes]");
  CrossEntropy in =
      checked_cross_entropy("cross_entropy", logits.shape(), targets, options, logits.device());
  in.logits = logits.value().rows();
  const DType dtype = kernels::loss_dtype(logits.dtype());
  Tensor loss = Tensor::empty({}, dtype, logits.device());
  Tensor saved = Tensor::empty({in.logits.size(0), 2}, dtype, logits.device());
  kernels::cross_entropy_forward(in, loss, saved);
  return Variable::from_op(
      "cross_entropy", loss, {logits}, [in, saved, shape = logits.shape()](const Tensor& dy) {
        Tensor dlogits = Tensor::empty(in.logits.shape(), in.logits.dtype(), dy.device());
        kernels::cross_entropy_backward(in, saved, dy, dlogits);
        return Tensors{dlogits.reshape(shape)};
      });
}

int64_t counted_targets(const Tensor& targets, int64_t ignore_index) {
  const Tensor flat = targets.to(host).contiguous();
  const int64_t* begin = flat.data<int64_t>();
  return flat.numel() - std::count(begin, begin + flat.numel(), ignore_index);
}

}  // namespace lw
