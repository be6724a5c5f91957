#include "autograd/ops/attention.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape.h"
#include "core/shape_check.h"
#include "kernels/attention/attention.h"

namespace lw {
namespace {

kernels::Attention arguments(const Variable& q, const Variable& k, const Variable& v,
                             const AttentionOptions& o) {
  const kernels::Attention in{q.value(), k.value(), v.value(), o.alive ? o.alive.value() : Tensor(),
                              o.resets,  o.heads};
  ShapeCheck shapes("attention");
  const DType dtype = in.q.dtype();
  shapes("q", in.q, {"batch", "time", "channel"});
  shapes.of(dtype, "k", in.k, {"batch", "keys", "channel"});
  shapes.of(dtype, "v", in.v, {"batch", "keys", "channel"});
  const int64_t past = shapes["keys"] - shapes["time"];
  check(past >= 0, "attention: ", shapes["keys"], " keys are fewer than ", shapes["time"],
        " queries, of which each has one");
  shapes.fix("past", past, "keys before those of the queries", Shape{past});
  if (in.alive) shapes.of(dtype, "alive", in.alive, {"batch", "past"});
  if (in.resets) shapes.of(DType::u8, "resets", in.resets, {"batch", "time"});
  check(o.heads > 0 && shapes["channel"] % o.heads == 0, "attention: ", shapes["channel"],
        " channels are not divided by ", o.heads, " heads");
  return in;
}

}  // namespace

Variable attention(const Variable& q, const Variable& k, const Variable& v,
                   const AttentionOptions& options) {
  kernels::Attention in = arguments(q, k, v, options);
  in.scale = 1 / std::sqrt(static_cast<double>(in.q.size(2) / in.heads));
  Tensor o = Tensor::empty(in.q.shape(), in.q.dtype(), in.q.device());
  Tensor lse = Tensor::empty({in.q.size(0), in.heads, in.q.size(1)}, in.q.dtype(), in.q.device());
  kernels::attention_forward(in, o, lse);
  return Variable::from_op("attention", o, {q, k, v}, [in, o, lse](const Tensor& dout) {
    kernels::AttentionGradients d{Tensor::empty_like(in.q), Tensor::empty_like(in.k),
                                  Tensor::empty_like(in.v)};
    kernels::attention_backward(in, o, lse, dout, d);
    return Tensors{d.q, d.k, d.v};
  });
}

Variable attention_alive(const Variable& q, const Variable& k, const AttentionOptions& options) {
  const NoGrad no_grad;
  const kernels::Attention in = arguments(q, k, k, options);
  const int64_t batch = in.q.size(0), time = in.q.size(1), keys = in.k.size(1);
  Tensor first = Tensor::empty({batch, time}, DType::i64, in.q.device());
  kernels::attention_first_keys(in, first);
  Tensor numbers = Tensor::empty({keys}, DType::f64, host);
  for (int64_t j = 0; j < keys; ++j) numbers.data<double>()[j] = static_cast<double>(j + 1);
  const Variable last = first.slice(1, time - 1, time).to(in.q.dtype());
  return clamp(Variable(numbers.to(in.q.dtype()).to(in.q.device())) - last, 0, 1);
}

Variable rotary(const Variable& x, int64_t heads, int64_t position, double base) {
  check(heads > 0 && x.size(2) % (2 * heads) == 0, "rotary: ", x.size(2), " channels are not ",
        heads, " heads of an even size");
  const int64_t batch = x.size(0), time = x.size(1), dim = x.size(2) / heads, half = dim / 2;
  Tensor cosine = Tensor::empty({time, 1, half}, DType::f64, host),
         sine = Tensor::empty_like(cosine);
  for (int64_t t = 0; t < time; ++t)
    for (int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(position + t) *
                           std::pow(base, -2 * static_cast<double>(i) / static_cast<double>(dim));
      cosine.data<double>()[t * half + i] = std::cos(angle);
      sine.data<double>()[t * half + i] = std::sin(angle);
    }
  const Variable c = cosine.to(x.dtype()).to(x.device()), s = sine.to(x.dtype()).to(x.device());
  const auto [a, b] = split<2>(reshape(x, {batch, time, heads, dim}), {half, half});
  return reshape(concat({a * c - b * s, a * s + b * c}), {batch, time, heads * dim});
}

}  // namespace lw
