#include "apps/layer_subject.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/ops/elementwise.h"
#include "core/config.h"

namespace lw {
namespace {

struct LayerSection {
  SequenceLayers::Choice layer{sequence_layers()};
  void describe(Fields& f) { f.choice("layer", layer, "the layer under test"); }
};

double dot(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  return std::inner_product(x.begin(), x.end(), y.begin(), 0.);
}

/// Every real number of a tensor, real and imaginary parts alike.
std::vector<double> reals(const Tensor& t) {
  if (!is_complex(t.dtype())) return t.to_vector();
  std::vector<double> values;
  const Tensor flat = t.to(DType::c128).to(host).contiguous();
  for (int64_t i = 0; i < flat.numel(); ++i) {
    values.push_back(flat.data<complex128>()[i].real());
    values.push_back(flat.data<complex128>()[i].imag());
  }
  return values;
}

}  // namespace

double distance(const Tensor& a, const Tensor& b) {
  check(a.shape() == b.shape(), "check layer: shapes ", a.shape(), " and ", b.shape(),
        " of two ways to compute one thing");
  const std::vector<double> x = reals(a), y = reals(b);
  double largest = 1e-30, difference = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, std::abs(x[i]));
    const double d = std::abs(x[i] - y[i]);
    difference = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(difference, d);
  }
  return difference / largest;
}

double distance(const State& a, const State& b) {
  check(a.size() == b.size(), "check layer: states of ", a.size(), " and ", b.size(), " tensors");
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, distance(a[i].value(), b[i].value()));
  return worst;
}

Subject::Subject(const std::string& kind, const std::string& options, DType dtype) : dtype_(dtype) {
  const std::string yaml = "{layer: " + kind + (options.empty() ? "" : ", " + options) + "}";
  LayerSection section;
  Config::parse(yaml, "check layer").read(section);
  layer_ = section.layer.build({.d_model = width, .n_layers = 1}, random_.fork("layer"));
  parameters_ = layer_->parameters();
  for (Parameter& p : parameters_) p.value.set_value(p.value.value().to(dtype).clone());
}

Tensor Subject::input(int64_t time, int64_t rows) const {
  return random_.fork("x")
      .fork(static_cast<uint64_t>(time))
      .normal({rows, time, width}, 0, 1, dtype_);
}

Output Subject::run(const Variable& x, const State& state, Context context) const {
  context.keep_state = layer_->causal();
  return layer_->forward(x, state, context);
}

State Subject::past() const {
  const NoGrad no_grad;
  State state =
      run(random_.fork("past").normal({batch, 5, width}, 0, 1, dtype_), {}, {.mode = Mode::scan})
          .state;
  for (Variable& s : state) s = s.detach();
  return state;
}

Tensors Subject::gradients(const std::function<Variable(const Variable& x)>& f,
                           const Tensor& x) const {
  const Variable input(x, true);
  const Variable y = f(input);
  for (const Parameter& p : parameters_) Variable(p.value).clear_grad();
  y.backward(random_.fork("weights").normal(y.shape(), 0, 1, dtype_));
  Tensors all{input.grad()};
  for (const Parameter& p : parameters_)
    all.push_back(p.value.grad().defined() ? p.value.grad().clone()
                                           : Tensor::zeros_like(p.value.value()));
  return all;
}

double Subject::parameter_gradient_error(const Tensor& x, const Context& context) const {
  const auto loss = [&] {
    const NoGrad no_grad;
    const Tensor y = run(x, {}, context).y.value();
    return dot(y, random_.fork("weights").normal(y.shape(), 0, 1, dtype_));
  };
  const Tensors analytic = gradients([&](const Variable& v) { return run(v, {}, context).y; }, x);
  double worst = 0;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    Tensor value = parameters_[k].value.value();
    const Variable before = value.clone();
    const Variable direction =
        random_.fork("direction").fork(k).normal(value.shape(), 0, 1, dtype_);
    const auto at = [&](double step) {
      const NoGrad no_grad;
      value.copy_from((before + direction * step).value());
      return loss();
    };
    const double step = 1e-6, numeric = (at(step) - at(-step)) / (2 * step);
    at(0);
    const double expected = dot(analytic[k + 1], direction.value());
    worst = std::max(worst, std::abs(expected - numeric) /
                                std::max({1., std::abs(expected), std::abs(numeric)}));
  }
  return worst;
}

}  // namespace lw
