#include "autograd/ops/linear_cross_entropy.h"

#include "autograd/ops/cross_entropy_arguments.h"
#include "autograd/precision.h"
#include "core/shape_check.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/matmul/matmul.h"
#include "kernels/reduce/reduce.h"

namespace lw {
namespace {

using kernels::matmul;

/// Refuses x, weight and bias that do not fit; the dtype of the operands of the products.
DType checked_linear(const Variable& x, const Variable& weight, const Variable& bias) {
  check(x.defined() && x.rank() >= 1,
        "linear_cross_entropy: `x` is missing or a scalar, expected [..., in]");
  ShapeCheck shapes("linear_cross_entropy");
  shapes.fix("in", x.size(-1), "x [..., in]", x.shape());
  shapes("weight", weight ? weight.value() : Tensor(), {"classes", "in"});
  shapes.optional("bias", bias ? bias.value() : Tensor(), {"classes"});
  const DType dtype = weight.dtype();
  check(dtype == DType::f32 || dtype == DType::f64, "linear_cross_entropy: `weight` is ", dtype,
        ", expected f32 or f64");
  check(weight.size(0) >= 1, "linear_cross_entropy: there are no classes, `weight` is ",
        weight.value());
  check(x.device() == weight.device(), "linear_cross_entropy: `x` is on ", x.device(),
        ", expected ", weight.device(), " like `weight`");
  const bool autocast = Autocast::current() == DType::bf16 && dtype == DType::f32;
  check(x.dtype() == dtype || (autocast && x.dtype() == DType::bf16),
        "linear_cross_entropy: `x` is ", x.dtype(), ", expected ", dtype, " like `weight`",
        x.dtype() == DType::bf16 ? "; a bf16 `x` needs Autocast(DType::bf16)" : "");
  return autocast ? DType::bf16 : dtype;
}

/// Rows of a chunk: some MiB of logits where there are few classes. Where there are many, so many rows that the products
/// are worth their reading of the weight and of its gradient, which takes a GPU more of.
int64_t rows_that_suit(int64_t classes, Device device) {
  const auto [logits, least] = device.kind == DeviceKind::cpu
                                   ? std::pair<int64_t, int64_t>(1 << 20, 256)
                                   : std::pair<int64_t, int64_t>(1 << 27, 1024);
  return std::max(least, logits / classes);
}

int64_t parts(int64_t size, int64_t largest) { return (size + largest - 1) / largest; }

/// gradient dy, for a scalar dy, in place.
void scale(Tensor& gradient, const Tensor& dy) {
  if (!gradient.defined()) return;
  Tensor wide = gradient.to(dy.dtype());
  kernels::binary(kernels::Binary::mul, wide, dy, wide);
  gradient = wide.to(gradient.dtype());
}

}  // namespace

Variable linear_cross_entropy(const Variable& x, const Variable& weight, const Variable& bias,
                              const Tensor& targets, const CrossEntropyOptions& options,
                              int64_t chunk) {
  const DType precision = checked_linear(x, weight, bias), dtype = weight.dtype();
  const Device device = x.device();
  const int64_t classes = weight.size(0);
  kernels::CrossEntropy all = checked_cross_entropy(
      "linear_cross_entropy", x.shape().with(-1, classes), targets, options, device);
  check(chunk >= 0, "linear_cross_entropy: chunk is ", chunk,
        ", expected a number of rows, or 0 for as many as suit the sizes");
  const bool recording = NoGrad::recording();
  const bool needs_x = recording && x.requires_grad(),
             needs_w = recording && weight.requires_grad(),
             needs_bias = recording && bias.requires_grad();
  const bool differentiated = needs_x || needs_w || needs_bias;

  const Tensor rows = x.value().rows(), w = weight.value().to(precision);
  all.targets = all.targets.reshape({rows.size(0)});
  const int64_t most = chunk > 0 ? chunk : rows_that_suit(classes, device);
  const int64_t chunks = std::max<int64_t>(1, parts(rows.size(0), most));
  const int64_t size = parts(rows.size(0), chunks);  // even ones

  const auto empty = [&](const Shape& shape, DType type) {
    return Tensor::empty(shape, type, device);
  };
  const Tensor logits = empty({size, classes}, precision), saved = empty({size, 2}, dtype);
  const Tensor losses = empty({chunks}, dtype);
  const Tensor one = Tensor::full({}, 1, dtype, device);
  const Tensor ones = needs_bias ? Tensor::full({1, size}, 1, precision, device) : Tensor();
  Tensor dx = needs_x ? empty(rows.shape(), x.dtype()) : Tensor();
  Tensor dw = needs_w ? empty(w.shape(), dtype) : Tensor();
  Tensor db = needs_bias ? empty({1, classes}, dtype) : Tensor();
  for (int64_t i = 0; i < chunks; ++i) {
    const int64_t begin = i * size, end = std::min(rows.size(0), begin + size), count = end - begin;
    const Tensor part = rows.slice(0, begin, end).to(precision);
    Tensor g = logits.slice(0, 0, count);  // the logits, then their gradient
    matmul(part, w, {.transpose_b = true, .bias = bias ? bias.value() : Tensor()}, g);
    kernels::CrossEntropy in = all;
    in.logits = g;
    in.targets = all.targets.slice(0, begin, end);
    Tensor loss = losses.select(0, i), kept = saved.slice(0, 0, count);
    kernels::cross_entropy_forward(in, loss, kept);
    if (!differentiated) continue;
    kernels::cross_entropy_backward(in, kept, one, g);
    const double beta = i == 0 ? 0 : 1;
    if (needs_x) {
      Tensor to = dx.slice(0, begin, end);
      matmul(g, w, {}, to);
    }
    if (needs_w) matmul(g, part, {.transpose_a = true, .beta = beta}, dw);
    if (needs_bias) matmul(ones.slice(1, 0, count), g, {.beta = beta}, db);
  }
  Tensor loss = empty({1}, dtype);
  kernels::sum(losses, {true}, 1, loss);

  if (needs_x) dx = dx.reshape(x.shape());
  if (needs_bias) db = db.reshape({classes});
  return Variable::from_op("linear_cross_entropy", loss.reshape({}), {x, weight, bias},
                           [dx, dw, db](const Tensor& dy) {
                             Tensors grads{dx, dw, db};
                             // Memory of the CPU may be looked at.
                             if (dy.device() == host && dy.item() == 1) return grads;
                             for (Tensor& gradient : grads) scale(gradient, dy);
                             return grads;
                           });
}

}  // namespace lw
