#include "autograd/ops/selective_scan.h"

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/selective_scan.h"

namespace lw {
namespace {

using kernels::SelectiveScan;
using testing::error_of;
using testing::expect_close;
using testing::same_bits;

struct Sizes {
  int64_t batch, time, channel, state;
};

Tensor noise(const Shape& shape, uint64_t stream, DType dtype = DType::f64) {
  return Random(3).fork(stream).normal(shape, 0, 1, DType::f64).to(dtype);
}
Tensor uniform(const Shape& shape, uint64_t stream, double low, double high, DType dtype) {
  return Random(3).fork(stream).uniform(shape, low, high, DType::f64).to(dtype);
}

/// Documents start at the steps given, in every row.
Tensor resets_at(const Sizes& s, const std::vector<int64_t>& times) {
  std::vector<uint8_t> flags(static_cast<size_t>(s.batch * s.time));
  for (int64_t b = 0; b < s.batch; ++b)
    for (const int64_t t : times)
      if (t < s.time) flags[static_cast<size_t>(b * s.time + t)] = 1;
  return Tensor::from({s.batch, s.time}, flags);
}

/// Arguments of every kind but resets.
SelectiveScan random_arguments(const Sizes& s, DType dtype = DType::f64) {
  const Shape btd{s.batch, s.time, s.channel}, btn{s.batch, s.time, s.state};
  return {.u = noise(btd, 1, dtype),
          .delta = uniform(btd, 2, -5, 1, dtype),
          .A = uniform({s.channel, s.state}, 3, -3, -0.1, dtype),
          .B = noise(btn, 4, dtype),
          .C = noise(btn, 5, dtype),
          .D = noise({s.channel}, 6, dtype),
          .delta_bias = noise({s.channel}, 7, dtype),
          .z = noise(btd, 8, dtype),
          .initial_state = noise({s.batch, s.channel, s.state}, 9, dtype),
          .softplus = true};
}

Tensors tensors_of(const SelectiveScan& s) {
  return {s.u, s.delta, s.A, s.B, s.C, s.D, s.delta_bias, s.z, s.initial_state};
}

SelectiveScanResult scan(const Variables& x, const Tensor& resets = {}, bool softplus = true) {
  return selective_scan(x[0], x[1], x[2], x[3], x[4],
                        {.D = x[5],
                         .delta_bias = x[6],
                         .softplus = softplus,
                         .z = x[7],
                         .initial_state = x[8],
                         .resets = resets});
}
SelectiveScanResult scan(const SelectiveScan& s) {
  Variables x;
  for (const Tensor& t : tensors_of(s)) x.push_back(t ? Variable(t) : Variable());
  return scan(x, s.resets, s.softplus);
}

/// A loss that sees both results, each weighted at random.
struct Weights {
  Tensor dy, dfinal_state;
  Weights(const Sizes& s, DType dtype)
      : dy(noise({s.batch, s.time, s.channel}, 11, dtype)),
        dfinal_state(noise({s.batch, s.channel, s.state}, 12, dtype)) {}
};

/// Gradients of the nine arguments, through the kernel itself.
Tensors gradients(const SelectiveScan& s, const Tensor& dy, const Tensor& dfinal_state) {
  const int64_t chunk = kernels::selective_scan_chunk;
  const DType dtype = s.u.dtype();
  Tensor y = Tensor::empty(s.u.shape(), dtype);
  Tensor last = Tensor::empty({s.u.size(0), s.u.size(2), s.A.size(1)}, dtype);
  Tensor chunk_states = Tensor::empty(
      {s.u.size(0), (s.u.size(1) + chunk - 1) / chunk, s.A.size(1), s.u.size(2)}, dtype);
  kernels::selective_scan_forward(s, y, last, chunk_states);
  Tensors grads;
  for (const Tensor& t : tensors_of(s)) grads.push_back(t ? Tensor::empty(t.shape(), dtype) : t);
  SelectiveScan grad{grads[0], grads[1], grads[2], grads[3], grads[4],
                     grads[5], grads[6], grads[7], grads[8]};
  kernels::selective_scan_backward(s, chunk_states, dy, dfinal_state, grad);
  return grads;
}

/// The largest difference, as a part of the largest element expected.
double distance(const Tensor& actual, const Tensor& expected) {
  double worst = 0, scale = 1e-300;
  const auto a = actual.to_vector(), e = expected.to_vector();
  for (size_t i = 0; i < e.size(); ++i) {
    scale = std::max(scale, std::abs(e[i]));
    worst = std::max(worst, std::isnan(a[i]) ? INFINITY : std::abs(a[i] - e[i]));
  }
  return worst / scale;
}

void expect_equals_reference(const SelectiveScan& s, double tolerance) {
  const Sizes sizes{s.u.size(0), s.u.size(1), s.u.size(2), s.A.size(1)};
  SCOPED_TRACE(str("u ", s.u, ", A ", s.A));
  const SelectiveScanResult result = scan(s);
  const reference::ScanValues expected = reference::selective_scan(s);
  EXPECT_LE(distance(result.y.value(), expected.y), tolerance);
  EXPECT_LE(distance(result.final_state.value(), expected.final_state), tolerance);

  const Weights w(sizes, s.u.dtype());
  const Tensors grads = gradients(s, w.dy, w.dfinal_state);
  const Tensors wanted = tensors_of(reference::selective_scan_gradients(s, w.dy, w.dfinal_state));
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i].defined()) continue;
    EXPECT_LE(distance(grads[i], wanted[i]), tolerance) << "gradient " << i;
  }
}

TEST(SelectiveScan, GradientsAgreeWithDifferences) {
  // One step, an odd length, more than one chunk: edges where scans break.
  for (const Sizes s : {Sizes{1, 1, 1, 1}, {2, 7, 3, 16}, {1, 70, 2, 3}, {1, 33, 9, 17}}) {
    const auto f = [](const Tensor& resets, bool softplus) {
      return [=](const Variables& x) {
        const SelectiveScanResult r = scan(x, resets, softplus);
        return Variables{r.y, r.final_state};
      };
    };
    Tensors x = tensors_of(random_arguments(s));
    check_gradients(f({}, true), x);
    check_gradients(f(resets_at(s, {0, 5, 32}), true), x);
    x[1] = uniform(x[1].shape(), 2, 0.01, 0.5, DType::f64);
    for (size_t optional = 5; optional < x.size(); ++optional) x[optional] = {};
    check_gradients(f({}, false), x);
  }
}

TEST(SelectiveScan, EqualsTheReference) {
  const Sizes all[] = {{1, 1, 1, 1},    {3, 1, 33, 16},  {1, 31, 31, 3},    {2, 32, 32, 8},
                       {1, 33, 15, 17}, {1, 65, 63, 4},  {1, 100, 130, 16}, {2, 64, 300, 2},
                       {2, 35, 9, 64},  {1, 41, 20, 70}, {1, 33, 3, 130}};
  for (const Sizes s : all)
    for (const bool with_resets : {false, true}) {
      SelectiveScan f64 = random_arguments(s), f32 = random_arguments(s, DType::f32);
      if (with_resets) f64.resets = f32.resets = resets_at(s, {0, 3, 32, 40, 63});
      expect_equals_reference(f64, 1e-12);
      expect_equals_reference(f32, 1e-5);
    }
}

TEST(SelectiveScan, EqualsTheReferenceWithoutItsOptions) {
  const Sizes s{2, 70, 19, 5};
  for (const DType dtype : {DType::f64, DType::f32}) {
    SelectiveScan x = random_arguments(s, dtype);
    x.D = x.delta_bias = x.z = x.initial_state = Tensor();
    x.delta = uniform(x.delta.shape(), 2, 0.01, 0.5, dtype);
    x.softplus = false;
    expect_equals_reference(x, dtype == DType::f64 ? 1e-12 : 1e-5);
  }
}

TEST(SelectiveScan, TakesSizesOfZero) {
  for (const Sizes s : {Sizes{0, 3, 4, 2}, {2, 0, 4, 2}, {2, 3, 0, 2}, {2, 3, 4, 0}})
    expect_equals_reference(random_arguments(s), 1e-12);
}

TEST(SelectiveScan, TakesPartsOfASplit) {
  const Sizes s{2, 40, 21, 5};
  const SelectiveScan apart = random_arguments(s, DType::f32);
  const Variable wide = concat({apart.u, apart.B, apart.z, apart.C, apart.delta});
  const Variables parts = split(wide, {21, 5, 21, 5, 21});
  ASSERT_TRUE(parts[0].value().shares_storage(wide.value()));
  SelectiveScan together = apart;
  together.u = parts[0].value(), together.B = parts[1].value(), together.z = parts[2].value();
  together.C = parts[3].value(), together.delta = parts[4].value();
  EXPECT_TRUE(same_bits(scan(apart).y.value(), scan(together).y.value()));

  const Weights w(s, DType::f32);
  const Tensor pitched_dy = concat({w.dy, w.dy}).value().slice(2, 21, 42);
  const Tensors expected = gradients(apart, w.dy, w.dfinal_state);
  const Tensors actual = gradients(together, pitched_dy, w.dfinal_state);
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_TRUE(same_bits(actual[i], expected[i]));
}

TEST(SelectiveScan, StepByStepGivesTheBitsOfTheWhole) {
  const Sizes all[] = {{1, 3, 1, 1},  {2, 4, 63, 3},  {1, 3, 130, 16},
                       {3, 3, 7, 17}, {1, 2, 33, 40}, {2, 2, 5, 70}};
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Sizes s : all) {
      SelectiveScan whole = random_arguments(s, dtype);
      whole.resets = resets_at(s, {2});
      const SelectiveScanResult expected = scan(whole);
      SelectiveScan step = whole;
      for (int64_t t = 0; t < s.time; ++t) {
        for (Tensor SelectiveScan::*field :
             {&SelectiveScan::u, &SelectiveScan::delta, &SelectiveScan::B, &SelectiveScan::C,
              &SelectiveScan::z, &SelectiveScan::resets})
          step.*field = (whole.*field).slice(1, t, t + 1);
        const SelectiveScanResult result = scan(step);
        EXPECT_TRUE(same_bits(result.y.value(), expected.y.value().slice(1, t, t + 1)));
        step.initial_state = result.final_state.value();
      }
      EXPECT_TRUE(same_bits(step.initial_state, expected.final_state.value()));
    }
}

TEST(SelectiveScan, RowsByThemselvesGiveTheBitsOfTheBatch) {
  // On a GPU so large a batch is cut over threads in another way.
  for (const Sizes s : {Sizes{128, 2, 256, 16}, {90, 2, 100, 50}, {130, 2, 128, 24}}) {
    SelectiveScan batch = random_arguments(s, DType::f32);
    batch.resets = resets_at(s, {1});
    const SelectiveScanResult expected = scan(batch);
    SelectiveScan rows = batch;
    for (Tensor SelectiveScan::*field :
         {&SelectiveScan::u, &SelectiveScan::delta, &SelectiveScan::B, &SelectiveScan::C,
          &SelectiveScan::z, &SelectiveScan::initial_state, &SelectiveScan::resets})
      rows.*field = (batch.*field).slice(0, 3, 5);
    const SelectiveScanResult result = scan(rows);
    EXPECT_TRUE(same_bits(result.y.value(), expected.y.value().slice(0, 3, 5)));
    EXPECT_TRUE(same_bits(result.final_state.value(), expected.final_state.value().slice(0, 3, 5)));
  }
}

TEST(SelectiveScan, CutIntoCallsGivesTheBitsOfTheWhole) {
  const Sizes s{2, 75, 18, 16};
  const SelectiveScan whole = random_arguments(s, DType::f32);
  const SelectiveScanResult expected = scan(whole);
  for (const int64_t cut : {1, 32, 40, 74}) {
    SelectiveScan first = whole, rest = whole;
    for (Tensor SelectiveScan::*field : {&SelectiveScan::u, &SelectiveScan::delta,
                                         &SelectiveScan::B, &SelectiveScan::C, &SelectiveScan::z}) {
      first.*field = (whole.*field).slice(1, 0, cut);
      rest.*field = (whole.*field).slice(1, cut, s.time);
    }
    const SelectiveScanResult before = scan(first);
    rest.initial_state = before.final_state.value();
    const SelectiveScanResult after = scan(rest);
    EXPECT_TRUE(same_bits(concat({before.y, after.y}, 1).value(), expected.y.value()));
    EXPECT_TRUE(same_bits(after.final_state.value(), expected.final_state.value()));
  }
}

TEST(SelectiveScan, GradientsFlowThroughTheStateBetweenCalls) {
  const Sizes s{1, 50, 5, 6};
  const auto cut_at = [](int64_t cut) {
    return [=](Variables x) {
      Variables first = x, rest = x;
      for (const size_t i : {0, 1, 3, 4, 7}) {
        first[i] = slice(x[i], 1, 0, cut);
        rest[i] = slice(x[i], 1, cut, x[i].size(1));
      }
      const SelectiveScanResult before = scan(first);
      rest[8] = before.final_state;
      return concat({before.y, scan(rest).y}, 1);
    };
  };
  const auto gradients_of = [&](const std::function<Variable(Variables)>& f) {
    Variables x;
    for (const Tensor& t : tensors_of(random_arguments(s))) x.emplace_back(t, true);
    f(x).backward(noise({1, 50, 5}, 11));
    Tensors grads;
    for (const Variable& v : x) grads.push_back(v.grad());
    return grads;
  };
  const Tensors expected = gradients_of([](const Variables& x) { return scan(x).y; });
  for (const int64_t cut : {1, 33}) {
    const Tensors actual = gradients_of(cut_at(cut));
    for (size_t i = 0; i < actual.size(); ++i) expect_close(actual[i], expected[i], 1e-12);
  }
}

TEST(SelectiveScan, PackedDocumentsEqualSeparateRuns) {
  const Sizes s{1, 90, 7, 4};
  const std::vector<int64_t> starts{0, 1, 30, 32, 64, 90};
  SelectiveScan packed = random_arguments(s);
  packed.initial_state = Tensor();
  packed.resets = resets_at(s, starts);
  const Weights w(s, DType::f64);
  const Tensor y = scan(packed).y.value();
  const Tensors grads = gradients(packed, w.dy, {});
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    const auto part = [&](const Tensor& t) { return t.slice(1, starts[i], starts[i + 1]); };
    SelectiveScan alone = packed;
    alone.u = part(packed.u), alone.delta = part(packed.delta), alone.z = part(packed.z);
    alone.B = part(packed.B), alone.C = part(packed.C), alone.resets = Tensor();
    expect_close(part(y), scan(alone).y.value(), 1e-12);
    const Tensors separate = gradients(alone, part(w.dy), {});
    for (const size_t k : {0, 1, 3, 4, 7}) expect_close(part(grads[k]), separate[k], 1e-12);
  }
}

TEST(SelectiveScan, IsCausal) {
  const Sizes s{1, 80, 17, 16};
  const SelectiveScan x = random_arguments(s, DType::f32);
  const Tensor y = scan(x).y.value();
  for (const int64_t t : {0, 31, 32, 79}) {
    SelectiveScan changed = x;
    for (Tensor SelectiveScan::*field : {&SelectiveScan::u, &SelectiveScan::delta,
                                         &SelectiveScan::B, &SelectiveScan::C, &SelectiveScan::z}) {
      changed.*field = (x.*field).clone();
      (changed.*field).slice(1, t, s.time).fill(NAN);
    }
    EXPECT_TRUE(same_bits(scan(changed).y.value().slice(1, 0, t), y.slice(1, 0, t)));
  }
}

TEST(SelectiveScan, WithoutDecayIsACumulativeSum) {
  const int64_t time = 65;
  const Tensor one = Tensor::full({1, time, 1}, 1, DType::f64);
  const Tensor u = noise({1, time, 1}, 1);
  const Tensor y = selective_scan(u, one, Tensor::zeros({1, 1}, DType::f64), one, one).y.value();
  double sum = 0;
  for (int64_t t = 0; t < time; ++t) {
    sum += u.at({0, t, 0});
    EXPECT_DOUBLE_EQ(y.at({0, t, 0}), sum);
  }
}

TEST(SelectiveScan, StepSizesMayBeTinyOrHuge) {
  // With B = C = u = 1 and no state, y_0 = dt_0.
  const std::vector<double> deltas{-80, -30, -10, 0, 19.99, 20.01, 50};
  const Tensor one = Tensor::full({1, 1, 7}, 1), single = Tensor::full({1, 1, 1}, 1);
  const Tensor delta = Tensor::from({1, 1, 7}, deltas).to(DType::f32);
  const Tensor A = Tensor::full({7, 1}, -1);
  const Tensor dt = selective_scan(one, delta, A, single, single, {.softplus = true}).y.value();
  for (int64_t i = 0; i < 7; ++i) {
    const double expected = std::log1p(std::exp(delta.at({0, 0, i})));
    EXPECT_NEAR(dt.at({0, 0, i}) / expected, 1, 1e-6) << deltas[static_cast<size_t>(i)];
  }

  const Sizes s{1, 40, 7, 3};
  for (const DType dtype : {DType::f64, DType::f32}) {
    SelectiveScan x = random_arguments(s, dtype);
    for (int64_t i = 0; i < 7; ++i) x.delta.slice(2, i, i + 1).fill(deltas[size_t(i)]);
    expect_equals_reference(x, dtype == DType::f64 ? 1e-12 : 1e-5);
  }
}

TEST(SelectiveScan, AStrongDecayForgetsAndIsNotNaN) {
  const Sizes s{1, 40, 18, 9};
  for (const double rate : {-1e2, -1e10, -1e38}) {
    SelectiveScan x = random_arguments(s, DType::f32);
    x.A.fill(rate);
    const Weights w(s, DType::f32);
    EXPECT_TRUE(scan(x).y.value().all_finite());
    for (const Tensor& grad : gradients(x, w.dy, w.dfinal_state))
      EXPECT_TRUE(grad.all_finite()) << rate;
  }
}

TEST(SelectiveScan, HasTheSameBitsOnAnyNumberOfThreads) {
  const Sizes s{2, 70, 300, 16};
  const SelectiveScan x = random_arguments(s, DType::f32);
  const Weights w(s, DType::f32);
  testing::expect_same_on_any_threads([&] {
    Tensors results = gradients(x, w.dy, w.dfinal_state);
    const SelectiveScanResult r = scan(x);
    results.push_back(r.y.value());
    results.push_back(r.final_state.value());
    return results;
  });
}

TEST(SelectiveScan, AWrongShapeIsRefusedNamingTheAxis) {
  SelectiveScan x = random_arguments({8, 24, 4, 2}, DType::f32);
  x.B = Tensor::zeros({8, 23, 2});
  EXPECT_EQ(error_of([&] { scan(x); }),
            "selective_scan: axis `time` of `B` is 23, expected 24\n"
            "  expected  B [batch, time, state] = [8, 24, 2]\n"
            "  received  B                      = [8, 23, 2]\n"
            "  because   u [batch, time, channel] = [8, 24, 4]");
  const Tensor one = Tensor::zeros({1, 1, 1}, DType::bf16);
  EXPECT_EQ(error_of([&] {
              selective_scan(one, one, one.reshape({1, 1}), one, one);
            }),
            "selective_scan: expected dtype f32 or f64, received bf16");
}

}  // namespace
}  // namespace lw
