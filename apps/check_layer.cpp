#include "apps/check_layer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape.h"
#include "core/config.h"
#include "core/parallel.h"

namespace lw {
namespace {

constexpr int64_t batch = 2, width = 6;

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

/// Largest |a - b| relative to the largest |a|.
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

/// A layer in one precision, and the laws measured on it.
class Subject {
 public:
  Subject(const std::string& kind, const std::string& options, DType dtype) : dtype_(dtype) {
    const std::string yaml = "{layer: " + kind + (options.empty() ? "" : ", " + options) + "}";
    LayerSection section;
    Config::parse(yaml, "check layer").read(section);
    layer_ = section.layer.build({.d_model = width, .n_layers = 1}, random_.fork("layer"));
    parameters_ = layer_->parameters();
    for (Parameter& p : parameters_) p.value.set_value(p.value.value().to(dtype).clone());
  }

  const SequenceLayer& layer() const { return *layer_; }
  DType dtype() const { return dtype_; }

  Tensor input(int64_t time, int64_t rows = batch) const {
    return random_.fork("x")
        .fork(static_cast<uint64_t>(time))
        .normal({rows, time, width}, 0, 1, dtype_);
  }

  Output run(const Variable& x, const State& state = {}, Mode mode = Mode::automatic,
             const Tensor& resets = {}) const {
    return layer_->forward(x, state,
                           {.mode = mode, .resets = resets, .keep_state = layer_->causal()});
  }

  /// A state as a past of some steps leaves it.
  State past() const {
    const NoGrad no_grad;
    State state =
        run(random_.fork("past").normal({batch, 5, width}, 0, 1, dtype_), {}, Mode::scan).state;
    for (Variable& s : state) s = s.detach();
    return state;
  }

  /// Gradients of every parameter, and of x, for the outputs weighted at random.
  Tensors gradients(const std::function<Variable(const Variable& x)>& f, const Tensor& x) const {
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

  /// Central differences of every parameter along a random direction; the largest relative error.
  double parameter_gradient_error(const Tensor& x) const {
    const auto loss = [&] {
      const NoGrad no_grad;
      const Tensor y = run(x).y.value();
      return dot(y, random_.fork("weights").normal(y.shape(), 0, 1, dtype_));
    };
    const Tensors analytic = gradients([&](const Variable& v) { return run(v).y; }, x);
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

 private:
  Random random_{7};
  DType dtype_;
  std::unique_ptr<SequenceLayer> layer_;
  Parameters parameters_;
};

double gradient_error(const Subject& s) {
  const Tensor x = s.input(9);
  Tensors inputs{x};
  if (s.layer().causal())
    for (const Variable& v : s.past()) inputs.push_back(v.value());
  const auto f = [&](const Variables& v) {
    const Output out = s.run(v[0], State(v.begin() + 1, v.end()));
    Variables all{out.y};
    all.insert(all.end(), out.state.begin(), out.state.end());
    return all;
  };
  const double inputs_error =
      check_gradients(std::function<Variables(const Variables&)>(f), inputs,
                      {.step = 1e-6, .tolerance = std::numeric_limits<double>::infinity()});
  return std::max(inputs_error, s.parameter_gradient_error(x));
}

double mode_error(const Subject& s) {
  const NoGrad no_grad;
  double worst = 0;
  for (const int64_t time : {1, 2, 31, 64, 97}) {
    for (const State& state : {State(), s.past()}) {
      const Output a = s.run(s.input(time), state, Mode::scan),
                   b = s.run(s.input(time), state, Mode::convolution);
      worst = std::max({worst, distance(a.y.value(), b.y.value()), distance(a.state, b.state)});
    }
  }
  return worst;
}

double piece_error(const Subject& s) {
  const NoGrad no_grad;
  const int64_t time = 70;
  const Tensor x = s.input(time);
  const Output whole = s.run(x);
  double worst = 0;
  for (const std::vector<int64_t>& cuts : {std::vector<int64_t>{1}, {time - 1}, {33, 34}, {}}) {
    std::vector<int64_t> ends = cuts;
    if (cuts.empty())  // single steps
      for (int64_t t = 1; t < time; ++t) ends.push_back(t);
    ends.push_back(time);
    State state;
    int64_t begin = 0;
    for (const int64_t end : ends) {
      const Output part = s.run(x.slice(1, begin, end), state);
      worst = std::max(worst, distance(whole.y.value().slice(1, begin, end), part.y.value()));
      state = part.state, begin = end;
    }
    worst = std::max(worst, distance(whole.state, state));
  }
  return worst;
}

double packing_error(const Subject& s) {
  // Row 0 holds documents of 1, 30 and 9 steps, row 1 of 17 and 23.
  const std::vector<std::vector<int64_t>> starts{{0, 1, 31}, {0, 17}};
  const int64_t time = 40;
  const Tensor x = s.input(time);
  std::vector<uint8_t> marks(batch * time);
  for (int64_t b = 0; b < batch; ++b)
    for (const int64_t start : starts[static_cast<size_t>(b)])
      marks[static_cast<size_t>(b * time + start)] = 1;
  const Tensor resets = Tensor::from({batch, time}, marks);
  const auto packed = [&](const Variable& v) { return s.run(v, {}, Mode::automatic, resets).y; };
  const auto separate = [&](const Variable& v) {
    Variables rows;
    for (int64_t b = 0; b < batch; ++b) {
      const auto& begins = starts[static_cast<size_t>(b)];
      Variables documents;
      for (size_t i = 0; i < begins.size(); ++i)
        documents.push_back(s.run(slice(slice(v, 0, b, b + 1), 1, begins[i],
                                        i + 1 < begins.size() ? begins[i + 1] : time))
                                .y);
      rows.push_back(concat(documents, 1));
    }
    return concat(rows, 0);
  };
  double worst = distance(packed(x).value(), separate(x).value());
  const Tensors a = s.gradients(packed, x), b = s.gradients(separate, x);
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, distance(a[i], b[i]));
  return worst;
}

/// Largest |dy_t / du_s| for s > t, relative to the largest |dy / du|.
double causality_error(const Subject& s, Mode mode) {
  const int64_t time = 48, t = 20;
  const Variable x(s.input(time, 1), true);
  const Variable y = s.run(x, {}, mode).y;
  Tensor seed = Tensor::zeros(y.shape(), s.dtype());
  seed.slice(1, t, t + 1).fill(1);
  y.backward(seed);
  double largest = 1e-30, leaked = 0;
  const std::vector<double> gradient = x.grad().to_vector();
  for (size_t i = 0; i < gradient.size(); ++i) {
    largest = std::max(largest, std::abs(gradient[i]));
    if (static_cast<int64_t>(i) / width > t) leaked = std::max(leaked, std::abs(gradient[i]));
  }
  return leaked / largest;
}

/// 0 if two runs, and runs on 1, 2 and 3 threads, give equal bits in outputs and gradients; else 1.
double reproducibility_error(const Subject& s) {
  const int before = num_threads();
  const Tensor x = s.input(150);
  std::vector<std::vector<double>> first;
  bool equal = true;
  for (const int threads : {1, 1, 2, 3}) {
    set_num_threads(threads);
    std::vector<std::vector<double>> now{s.run(x).y.value().to_vector()};
    for (const Tensor& g : s.gradients([&](const Variable& v) { return s.run(v).y; }, x))
      now.push_back(g.to_vector());
    if (first.empty()) first = now;
    equal = equal && now == first;
  }
  set_num_threads(before);
  return equal ? 0 : 1;
}

}  // namespace

std::vector<LawResult> check_layer(const std::string& kind, const std::string& options) {
  std::vector<LawResult> results;
  const std::string name = options.empty() ? kind : kind + " {" + options + "}";
  const auto add = [&](const std::string& property, double error, double tolerance) {
    results.push_back({name, property, error, tolerance});
  };
  for (const DType dtype : {DType::f64, DType::f32}) {
    const Subject subject(kind, options, dtype);
    const bool fp64 = dtype == DType::f64, causal = subject.layer().causal();
    const std::string in = str(" ", dtype);
    if (fp64) add("gradient f64", gradient_error(subject), 1e-7);
    if (causal) {
      if (subject.layer().convolves()) {
        add("modes" + in, mode_error(subject), fp64 ? 1e-11 : 2e-5);
        add("causality convolution" + in, causality_error(subject, Mode::convolution),
            fp64 ? 1e-14 : 1e-6);
      }
      add("pieces" + in, piece_error(subject), fp64 ? 1e-11 : 5e-5);
      add("causality scan" + in, causality_error(subject, Mode::scan), 0);
    }
    add("packing" + in, packing_error(subject), fp64 ? 1e-12 : 1e-6);
    if (!fp64) add("reproducible f32", reproducibility_error(subject), 0);
  }
  return results;
}

std::vector<std::string> layer_variants(const std::string& kind) {
  static const std::map<std::string, std::vector<std::string>> variants{
      {"mamba1",
       {"", "d_state: 3, d_conv: 2, conv_bias: false", "bias: true, dt_init: constant",
        "d_conv: 1"}},
      {"s4",
       {"", "init: legt, d_state: 8, l_max: 100", "init: fout, d_state: 8, l_max: 128",
        "bidirectional: true"}},
      {"s4d",
       {"", "init: lin, discretization: bilinear", "init: inv", "init: real", "init: random",
        "bidirectional: true"}},
  };
  const auto found = variants.find(kind);
  return found == variants.end() ? std::vector<std::string>{""} : found->second;
}

}  // namespace lw
