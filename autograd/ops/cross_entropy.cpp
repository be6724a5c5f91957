#include "autograd/ops/cross_entropy.h"

#include <algorithm>

#include "core/index_check.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace lw {

using kernels::CrossEntropy;

Variable cross_entropy(const Variable& logits, const Tensor& targets,
                       const CrossEntropyOptions& options) {
  check(logits.defined() && logits.rank() >= 1 && logits.size(-1) >= 1,
        "cross_entropy: `logits` is ", logits ? logits.value() : Tensor(),
        ", expected [..., classes]");
  check(targets.defined() && targets.shape() == logits.shape().without(-1),
        "cross_entropy: `targets` is ", targets, ", expected i64 ", logits.shape().without(-1),
        "\n  because   logits [..., classes] = ", logits.shape());
  check_indices("cross_entropy", "targets", targets, logits.size(-1), options.ignore_index);
  check(0 <= options.label_smoothing && options.label_smoothing < 1,
        "cross_entropy: label_smoothing is ", options.label_smoothing, ", expected [0, 1)");
  check(!options.divisor || *options.divisor > 0, "cross_entropy: divisor is ",
        options.divisor.value_or(0), ", expected a positive number");

  const auto counted = [&] {
    return static_cast<double>(
        std::max<int64_t>(1, counted_targets(targets, options.ignore_index)));
  };
  const CrossEntropy in{.logits = logits.value().rows(),
                        .targets = targets.to(logits.device()).contiguous(),
                        .ignore_index = options.ignore_index,
                        .label_smoothing = options.label_smoothing,
                        .divisor = options.divisor ? *options.divisor : counted()};
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
