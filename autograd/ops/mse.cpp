#include "autograd/ops/mse.h"

#include <algorithm>

#include "kernels/mse/mse.h"

namespace lw {

Variable mse(const Variable& prediction, const Variable& target, std::optional<double> divisor) {
  check(prediction.defined() && target.defined(), "mse: an argument is missing");
  check(prediction.shape() == target.shape() && prediction.dtype() == target.dtype(),
        "mse: `target` is ", target.value(), ", expected ", prediction.value(),
        " like `prediction`");
  check(!divisor || *divisor > 0, "mse: divisor is ", divisor.value_or(0),
        ", expected a positive number");
  const auto matrix = [](const Tensor& t) { return t.rank() == 0 ? t.reshape({1, 1}) : t.rows(); };
  const Tensor x = matrix(prediction.value()), y = matrix(target.value());
  const double by = divisor.value_or(static_cast<double>(std::max<int64_t>(1, x.numel())));
  Tensor loss = Tensor::empty({}, x.dtype(), x.device());
  kernels::mse_forward(x, y, by, loss);
  return Variable::from_op("mse", loss, {prediction, target},
                           [x, y, by, shape = prediction.shape(), to_x = prediction.requires_grad(),
                            to_y = target.requires_grad()](const Tensor& dloss) {
                             Tensors grads(2);
                             const auto gradient = [&](const Tensor& a, const Tensor& b) {
                               Tensor da = Tensor::empty(a.shape(), a.dtype(), a.device());
                               kernels::mse_backward(a, b, by, dloss, da);
                               return da.reshape(shape);
                             };
                             if (to_x) grads[0] = gradient(x, y);
                             if (to_y) grads[1] = gradient(y, x);
                             return grads;
                           });
}

}  // namespace lw
