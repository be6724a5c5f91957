#include "autograd/ops/dropout.h"

#include "kernels/dropout/dropout.h"

namespace lw {
namespace {

using kernels::Dropout;
using kernels::Mask;

Variable drop(const char* name, const Variable& x, double rate, const Random& random, Mask mask) {
  check(0 <= rate && rate < 1, name, ": the rate is ", rate, ", expected one in [0, 1)");
  check(x.rank() >= 1, name, ": expected [batch, ..., channel], received ", x.value());
  const Training* training = Training::current();
  if (!training || rate == 0) return x;
  // The first draw of the stream at this step is the key of the mask.
  const Tensor& position = training->position();
  const uint64_t key = position ? random.key() : random.at_step(training->step()).bits_at(0);
  const Dropout how{mask, rate, key, training->first_sample(), position};
  const auto masked = [how](const Tensor& t) {
    Tensor result = Tensor::empty_like(t);
    kernels::dropout(how, t, result);
    return result;
  };
  return Variable::from_op(name, masked(x.value()), {x},
                           [masked](const Tensor& dy) { return Tensors{masked(dy)}; });
}

}  // namespace

Variable dropout(const Variable& x, double rate, const Random& random, bool tied_over_time) {
  return drop("dropout", x, rate, random, tied_over_time ? Mask::channel : Mask::element);
}

Variable drop_path(const Variable& x, double rate, const Random& random) {
  return drop("drop_path", x, rate, random, Mask::sample);
}

}  // namespace lw
