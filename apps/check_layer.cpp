#include "apps/check_layer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "apps/layer_subject.h"
#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/device_runtime.h"
#include "core/parallel.h"

namespace lw {
namespace {

constexpr int64_t batch = Subject::batch, width = Subject::width;

/// Samples that are 0.2 to 2 steps apart.
Context irregular(int64_t time) { return {.intervals = Random(3).uniform({batch, time}, 0.2, 2)}; }

/// Of every parameter and the input, in every mode.
double directional_error(const Subject& s) {
  const Tensor x = s.input(9);
  double worst = s.directional_error(x);
  if (s.layer().convolves())
    worst = std::max(worst, s.directional_error(x, {.mode = Mode::convolution}));
  if (s.layer().continuous() && s.layer().causal())
    worst = std::max(worst, s.directional_error(x, irregular(x.size(1))));
  return worst;
}

/// The same, and every element of the input and of the states.
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
  return std::max(inputs_error, directional_error(s));
}

double mode_error(const Subject& s, const std::vector<int64_t>& times, double rate = 1) {
  const NoGrad no_grad;
  double worst = 0;
  for (const int64_t time : times) {
    for (const State& state : {State(), s.past()}) {
      const Output a = s.run(s.input(time), state, {.mode = Mode::scan, .rate = rate}),
                   b = s.run(s.input(time), state, {.mode = Mode::convolution, .rate = rate});
      worst = std::max({worst, distance(a.y.value(), b.y.value()), distance(a.state, b.state)});
    }
  }
  return worst;
}

constexpr int64_t pieces_time = 70;

/// `context` has the rate, and the intervals of the whole.
double piece_error(const Subject& s, const Context& context = {}) {
  const NoGrad no_grad;
  const Tensor x = s.input(pieces_time);
  const int64_t time = x.size(1);
  const Output whole = s.run(x, {}, context);
  double worst = 0;
  for (const std::vector<int64_t>& cuts : {std::vector<int64_t>{1}, {time - 1}, {33, 34}, {}}) {
    std::vector<int64_t> ends = cuts;
    if (cuts.empty())  // single steps
      for (int64_t t = 1; t < time; ++t) ends.push_back(t);
    ends.push_back(time);
    State state;
    int64_t begin = 0;
    for (const int64_t end : ends) {
      Context now = context;
      if (now.intervals) now.intervals = now.intervals.slice(1, begin, end);
      const Output part = s.run(x.slice(1, begin, end), state, now);
      worst = std::max(worst, distance(whole.y.value().slice(1, begin, end), part.y.value()));
      state = part.state, begin = end;
    }
    worst = std::max(worst, distance(whole.state, state));
  }
  return worst;
}

/// Intervals that are all 2 are half the rate, and intervals of 1 none; gradients too.
double interval_error(const Subject& s) {
  const Tensor x = s.input(40);
  double worst = 0;
  for (const double interval : {1., 2.}) {
    const auto with = [&](const Context& context) {
      return [&s, context](const Variable& v) { return s.layer().forward(v, {}, context).y; };
    };
    const auto uneven = with({.intervals = Tensor::full({batch, x.size(1)}, interval)});
    const auto regular = with({.mode = Mode::scan, .rate = 1 / interval});
    worst = std::max(worst, distance(regular(x).value(), uneven(x).value()));
    const Tensors a = s.gradients(regular, x), b = s.gradients(uneven, x);
    for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, distance(a[i], b[i]));
  }
  return worst;
}

double packing_error(const Subject& s, Mode mode) {
  // Row 0 holds documents of 1, 30 and 9 steps, row 1 of 17 and 23.
  const std::vector<std::vector<int64_t>> starts{{0, 1, 31}, {0, 17}};
  const int64_t time = 40;
  const Tensor x = s.input(time);
  std::vector<uint8_t> marks(batch * time);
  for (int64_t b = 0; b < batch; ++b)
    for (const int64_t start : starts[static_cast<size_t>(b)])
      marks[static_cast<size_t>(b * time + start)] = 1;
  const Tensor resets = Tensor::from({batch, time}, marks);
  const auto run = [&](const Variable& v, const Tensor& starts) {
    return s.layer().forward(v, {}, {.mode = mode, .resets = starts}).y;
  };
  const auto packed = [&](const Variable& v) { return run(v, resets); };
  const auto separate = [&](const Variable& v) {
    Variables rows;
    for (int64_t b = 0; b < batch; ++b) {
      const auto& begins = starts[static_cast<size_t>(b)];
      Variables documents;
      for (size_t i = 0; i < begins.size(); ++i)
        documents.push_back(run(slice(slice(v, 0, b, b + 1), 1, begins[i],
                                      i + 1 < begins.size() ? begins[i + 1] : time),
                                {}));
      rows.push_back(concat(documents, 1));
    }
    return concat(rows, 0);
  };
  double worst = distance(packed(x).value(), separate(x).value());
  const Tensors a = s.gradients(packed, x), b = s.gradients(separate, x);
  // Through a spectrum, a mode that hardly decays amplifies rounding in the gradients of parameters.
  const size_t compared = mode == Mode::convolution ? 1 : a.size();
  for (size_t i = 0; i < compared; ++i) worst = std::max(worst, distance(a[i], b[i]));
  return worst;
}

/// Largest |dy_t / du_s| for s > t, relative to the largest |dy / du|.
double causality_error(const Subject& s, Mode mode) {
  const int64_t time = 48, t = 20;
  const Variable x(s.input(time, 1), true);
  const Variable y = s.run(x, {}, {.mode = mode}).y;
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

/// The outputs of a sequence that leaves a state, and of one that need not: a recurrence, and where there is one
/// a convolution.
std::vector<std::function<Variable(const Variable&)>> ways_of(const Subject& s) {
  return {[&s](const Variable& v) { return s.run(v).y; },
          [&s](const Variable& v) { return s.layer()(v); }};
}

/// 0 if two runs, and runs on 1, 2 and 3 threads, give equal bits in outputs and gradients; else 1.
double reproducibility_error(const Subject& s) {
  const int before = num_threads();
  const Tensor x = s.input(150);
  std::vector<std::vector<double>> first;
  bool equal = true;
  for (const int threads : {1, 1, 2, 3}) {
    set_num_threads(threads);
    std::vector<std::vector<double>> now;
    for (const auto& f : ways_of(s)) {
      now.push_back(f(x).value().to_vector());
      for (const Tensor& g : s.gradients(f, x)) now.push_back(g.to_vector());
    }
    if (first.empty()) first = now;
    equal = equal && now == first;
  }
  set_num_threads(before);
  return equal ? 0 : 1;
}

/// Largest difference between outputs, and gradients of the input, on the CPU and on the GPU.
double device_error(const Subject::Make& make) {
  std::vector<Tensors> results;
  for (const Device device : {host, Device{DeviceKind::cuda, 0}}) {
    const DeviceScope here(device);
    const Subject s(make, DType::f32);
    const Tensor x = s.input(70);
    results.emplace_back();
    for (const auto& f : ways_of(s)) {
      results.back().push_back(f(x).value());
      results.back().push_back(s.gradients(f, x)[0]);
    }
  }
  double worst = 0;
  for (size_t i = 0; i < results[0].size(); ++i)
    worst = std::max(worst, distance(results[0][i], results[1][i].to(host)));
  return worst;
}

/// Measures all laws. `gradient` is the error of the gradients in f64, and tolerances are `layers` times a layer's.
std::vector<LawResult> laws_of(const std::string& name, const Subject::Make& make,
                               double (*gradient)(const Subject&), int64_t layers) {
  std::vector<LawResult> results;
  const auto add = [&](const std::string& property, double error, double tolerance) {
    results.push_back({name, property, error, tolerance * static_cast<double>(layers)});
  };
  for (const DType dtype : {DType::f64, DType::f32}) {
    const Subject subject(make, dtype);
    const bool fp64 = dtype == DType::f64, causal = subject.layer().causal();
    const std::string in = str(" ", dtype);
    if (fp64) add("gradient f64", gradient(subject), 1e-7);
    if (causal) {
      if (subject.layer().convolves()) {
        add("modes" + in, mode_error(subject, {1, 2, 31, 64, 97}), fp64 ? 1e-11 : 2e-5);
        add("causality convolution" + in, causality_error(subject, Mode::convolution),
            fp64 ? 1e-14 : 1e-6);
      }
      add("pieces" + in, piece_error(subject), fp64 ? 1e-11 : 5e-5);
      if (subject.layer().continuous()) {
        if (subject.layer().convolves())
          add("rate" + in, mode_error(subject, {1, 64}, 0.5), fp64 ? 1e-11 : 2e-5);
        add("intervals" + in, interval_error(subject), fp64 ? 1e-11 : 5e-5);
        add("irregular pieces" + in, piece_error(subject, irregular(pieces_time)),
            fp64 ? 1e-11 : 5e-5);
      }
      add("causality scan" + in, causality_error(subject, Mode::scan), 0);
    }
    add("packing" + in, packing_error(subject, Mode::scan), fp64 ? 1e-12 : 1e-6);
    if (causal && subject.layer().convolves())
      add("packing convolution" + in, packing_error(subject, Mode::convolution),
          fp64 ? 1e-12 : 1e-6);
    if (!fp64) add("reproducible f32", reproducibility_error(subject), 0);
  }
  if (device_count(DeviceKind::cuda) > 0) add("cpu = cuda f32", device_error(make), 1e-5);
  return results;
}

}  // namespace

std::vector<LawResult> check_layer(const std::string& kind, const std::string& options) {
  return laws_of(options.empty() ? kind : kind + " {" + options + "}", layer_of(kind, options),
                 &gradient_error, 1);
}

std::vector<LawResult> check_model(const std::string& name, const ModelOptions& options) {
  return laws_of(name, layer_of(options), &directional_error, options.n_layers);
}

std::vector<std::string> layer_variants(const std::string& kind) {
  static const std::map<std::string, std::vector<std::string>> variants{
      {"gru", {"", "d_hidden: 9, chrono: 50"}},
      {"lru", {"", "d_state: 6, r_min: 0, r_max: 0.5, max_phase: 0.3", "max_phase: 100"}},
      {"lssl",
       {"d_state: 6", "d_state: 5, init: legt, n_ssm: 3, alpha: 0.75",
        "d_state: 4, init: random, alpha: 0",
        "d_state: 4, init: fout, n_ssm: 6, alpha: 1, learn_a: false, learn_dt: false",
        "d_state: 4, bidirectional: true"}},
      {"lstm", {"", "d_hidden: 9, chrono: 50"}},
      {"mamba1",
       {"", "d_state: 3, d_conv: 2, conv_bias: false", "bias: true, dt_init: constant",
        "d_conv: 1"}},
      {"rg_lru", {"", "d_rnn: 8, blocks: 4, d_conv: 2, r_min: 0.5, r_max: 0.9"}},
      {"rnn", {"", "d_hidden: 9"}},
      {"s4",
       {"", "init: legt, d_state: 8, l_max: 30", "init: fout, d_state: 8, l_max: 128, n_ssm: 2",
        "init: foud, d_state: 8, l_max: 100, n_ssm: 1", "init: fourier2, d_state: 8, l_max: 60",
        "bidirectional: true, n_ssm: 3"}},
      {"s4d",
       {"", "init: lin, discretization: bilinear, n_ssm: 3", "init: inv", "init: real, n_ssm: 1",
        "init: random", "bidirectional: true"}},
      {"dss",
       {"", "d_state: 32, l_max: 784", "d_state: 16, l_max: 160, dt_max: 1e-2",
        "variant: exp, n_ssm: 2", "d_state: 8, l_max: 100, n_ssm: 1",
        "d_state: 8, l_max: 200, bidirectional: true"}},
      {"s5",
       {"", "d_state: 8, blocks: 2, discretization: bilinear",
        "d_state: 6, dt_global: true, c_init: complex_normal", "d_state: 8, bidirectional: true"}},
      {"transformer", {"heads: 1", "heads: 3, mlp_ratio: 2, rope_base: 100"}},
  };
  const auto found = variants.find(kind);
  return found == variants.end() ? std::vector<std::string>{""} : found->second;
}

}  // namespace lw
