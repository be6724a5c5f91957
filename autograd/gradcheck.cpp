#include "autograd/gradcheck.h"

#include <cmath>

#include "core/random.h"

namespace lw {
namespace {

Tensor in_double(const Tensor& t) {
  if (!t.defined()) return t;
  return is_complex(t.dtype())    ? t.to(DType::c128).clone()
         : is_floating(t.dtype()) ? t.to(DType::f64).clone()
                                  : t;
}

bool is_differentiable(const Tensor& t) {
  return t.defined() && (is_floating(t.dtype()) || is_complex(t.dtype()));
}

/// The reals of a contiguous f64 or c128 tensor of the host, as one span.
std::span<double> reals(const Tensor& t) {
  return {static_cast<double*>(t.raw()), static_cast<size_t>(t.bytes() / 8)};
}

/// <a, v> for a tensor of any device and a direction.
double dot(const Tensor& a, const Tensor& v) {
  const Tensor here = a.to(host).contiguous();
  double sum = 0;
  for (size_t i = 0; i < reals(v).size(); ++i) sum += reals(here)[i] * reals(v)[i];
  return sum;
}

/// Random numbers on the host, in the shape of `like`.
Tensor direction(const Tensor& like, const Random& random) {
  Tensor v = Tensor::empty(like.shape(), like.dtype(), host);
  for (size_t i = 0; i < reals(v).size(); ++i) reals(v)[i] = random.normal_at(i);
  return v;
}

}  // namespace

double check_gradients(const std::function<Variables(const Variables&)>& f, const Tensors& inputs,
                       const GradientCheck& options) {
  const Random random = Random(options.seed).fork("check_gradients");
  Tensors points;
  for (const Tensor& input : inputs) points.push_back(in_double(input));

  // The weights are drawn once, for the shapes that f returns.
  Tensors weights;
  const auto weighted = [&](const Variables& outputs) {
    double sum = 0;
    for (size_t i = 0; i < outputs.size(); ++i)
      if (weights[i].defined()) sum += dot(outputs[i].value(), weights[i]);
    return sum;
  };
  const auto evaluate = [&](size_t changed, const Tensor& v, double step) {
    const NoGrad no_grad;
    Variables x(points.begin(), points.end());
    const Tensor moved = points[changed].to(host).clone();
    for (size_t i = 0; i < reals(moved).size(); ++i) reals(moved)[i] += step * reals(v)[i];
    x[changed] = moved.to(points[changed].device());
    return weighted(f(x));
  };

  double worst = 0;
  for (int round = 0; round < options.directions; ++round) {
    Variables x;
    for (const Tensor& point : points) x.emplace_back(point, is_differentiable(point));
    const Variables outputs = f(x);
    weights.clear();
    for (size_t i = 0; i < outputs.size(); ++i) {
      const bool used = outputs[i].defined() && is_differentiable(outputs[i].value());
      check(!used || outputs[i].dtype() == DType::f64 || outputs[i].dtype() == DType::c128,
            "check_gradients: output ", i, " is ", outputs[i].dtype(),
            ", expected the precision of the inputs, f64 or c128");
      weights.push_back(
          used ? direction(outputs[i].value(), random.fork("weights").fork(round).fork(i))
               : Tensor());
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      // Outputs of one op share its node, so each is walked in one graph of its own: f is evaluated
      // again.
      if (!weights[i].defined()) continue;
      const Variables again = i == 0 ? outputs : f(x);
      if (again[i].requires_grad()) again[i].backward(weights[i].to(again[i].device()));
    }
    for (size_t k = 0; k < points.size(); ++k) {
      if (!is_differentiable(points[k])) continue;
      const Tensor v = direction(points[k], random.fork("direction").fork(round).fork(k));
      const Tensor grad = x[k].grad();
      const double analytic = grad.defined() ? dot(grad, v) : 0;
      const double numeric =
          (evaluate(k, v, options.step) - evaluate(k, v, -options.step)) / (2 * options.step);
      const double error =
          std::abs(analytic - numeric) / std::max({1., std::abs(analytic), std::abs(numeric)});
      check(error <= options.tolerance,  // false for NaN
            "gradient of input ", k, " disagrees with finite differences\n  analytic  ", analytic,
            "\n  numeric   ", numeric, "\n  error     ", error, " > ", options.tolerance);
      worst = std::max(worst, error);
    }
  }
  return worst;
}

double check_gradients(const std::function<Variable(const Variables&)>& f, const Tensors& inputs,
                       const GradientCheck& options) {
  return check_gradients(std::function<Variables(const Variables&)>(
                             [&f](const Variables& x) { return Variables{f(x)}; }),
                         inputs, options);
}

}  // namespace lw
