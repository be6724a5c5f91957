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

Subject::Subject(const Make& make, DType dtype)
    : dtype_(dtype), layer_(make(random_.fork("layer"))) {
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

double Subject::directional_error(const Tensor& x, const Context& context) const {
  const Tensors analytic = gradients([&](const Variable& v) { return run(v, {}, context).y; }, x);
  Tensor input = x.clone();
  Tensors values{input};
  for (const Parameter& p : parameters_) values.push_back(p.value.value());
  double worst = 0;
  for (size_t k = 0; k < values.size(); ++k) {
    const Variable before = values[k].clone();
    const Variable direction =
        random_.fork("direction").fork(k).normal(values[k].shape(), 0, 1, dtype_);
    const auto loss_at = [&](double step) {
      const NoGrad no_grad;
      values[k].copy_from((before + direction * step).value());
      const Tensor y = run(input, {}, context).y.value();
      return dot(y, random_.fork("weights").normal(y.shape(), 0, 1, dtype_));
    };
    // Of fourth order: what is sampled with long steps bends within one of second order.
    const double step = 3e-6;
    const double numeric =
        (8 * (loss_at(step) - loss_at(-step)) - (loss_at(2 * step) - loss_at(-2 * step))) /
        (12 * step);
    values[k].copy_from(before.value());
    const double expected = dot(analytic[k], direction.value());
    worst = std::max(worst, std::abs(expected - numeric) /
                                std::max({1., std::abs(expected), std::abs(numeric)}));
  }
  return worst;
}

namespace {

/// A model as a layer, its states one behind the other.
class WholeModel final : public SequenceLayer {
 public:
  WholeModel(const ModelOptions& options, const Random& random)
      : model_(adopt("model", std::make_unique<Model>(options,
                                                      ModelPorts{.features = Subject::width,
                                                                 .outputs = Subject::width,
                                                                 .every_step = true},
                                                      random))) {}

  Output forward(const Variable& x, const State& state, const Context& context) const override {
    ModelState states;
    const size_t layers = model_.blocks().size(), each = state.size() / layers;
    for (size_t i = 0; each > 0 && i < layers; ++i)
      states.emplace_back(state.begin() + static_cast<std::ptrdiff_t>(i * each),
                          state.begin() + static_cast<std::ptrdiff_t>((i + 1) * each));
    const Model::Result result = model_.forward(x, states, context);
    Output out{.y = result.y};
    for (const State& s : result.state) out.state.insert(out.state.end(), s.begin(), s.end());
    return out;
  }
  bool causal() const override { return model_.causal(); }
  bool continuous() const override { return model_.continuous(); }
  bool convolves() const override {
    for (const Block* block : model_.blocks())
      if (!block->layer().convolves()) return false;
    return true;
  }

 private:
  Model& model_;
};

}  // namespace

Subject::Make layer_of(const std::string& kind, const std::string& options) {
  return [kind, options](const Random& random) {
    LayerSection section;
    Config::parse("{layer: " + kind + (options.empty() ? "" : ", " + options) + "}", "check layer")
        .read(section);
    return section.layer.build({.d_model = Subject::width, .n_layers = 1}, random);
  };
}

Subject::Make layer_of(const ModelOptions& options) {
  return [options](const Random& random) { return std::make_unique<WholeModel>(options, random); };
}

}  // namespace lw
