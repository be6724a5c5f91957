#include "autograd/ops/rnn.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/shape.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/rnn.h"

namespace lw {
namespace {

using kernels::rnn_gates;
using kernels::rnn_states;
using testing::pitched;
using testing::same_bits;

constexpr RnnCell cells[] = {RnnCell::tanh, RnnCell::lstm, RnnCell::gru};

struct Case {
  int64_t batch, time, channels;
};

kernels::Rnn arguments(RnnCell cell, const Case& c, DType dtype, bool all) {
  const int64_t gates = rnn_gates(cell) * c.channels;
  const double bound = 1 / std::sqrt(static_cast<double>(c.channels) + 1);
  kernels::Rnn in{cell, Random(1).normal({c.batch, c.time, gates}, 0, 1, dtype),
                  Random(2).uniform({gates, c.channels}, -bound, bound, dtype),
                  Random(3).uniform({gates}, -bound, bound, dtype)};
  if (all) {
    in.state = Random(4).normal({c.batch, rnn_states(cell) * c.channels}, 0, 1, dtype);
    std::vector<uint8_t> resets;
    for (int64_t i = 0; i < c.batch * c.time; ++i)
      resets.push_back(Random(5).uniform_at(static_cast<uint64_t>(i)) < 0.15);
    in.resets = Tensor::from({c.batch, c.time}, resets);
  }
  return in;
}

RnnResult run(const kernels::Rnn& in) {
  return rnn(in.cell, in.x, in.W, in.b,
             {.state = in.state ? Variable(in.state) : Variable(), .resets = in.resets});
}

TEST(Rnn, GradientsOfInputAndStateMayBeOneTensorOrTwo) {
  for (const RnnCell cell : {RnnCell::tanh, RnnCell::lstm}) {
    const kernels::Rnn in = arguments(cell, {2, 5, 33}, DType::f32, true);
    Tensor h = Tensor::empty({2, 5, 33}), state = Tensor::empty(in.state.shape()), saved;
    if (cell == RnnCell::lstm) saved = Tensor::empty({2, 5, kernels::rnn_saved(cell) * 33});
    kernels::rnn_forward(in, h, state, saved);
    const Tensor dh = Random(6).normal(h.shape());
    Tensor both = Tensor::empty(in.x.shape()), dx = Tensor::empty(in.x.shape()),
           dp = Tensor::empty(in.x.shape()), dstate = Tensor::empty(in.state.shape());
    kernels::rnn_backward(in, h, saved, dh, {}, both, both, dstate);
    kernels::rnn_backward(in, h, saved, dh, {}, dx, dp, dstate);
    EXPECT_TRUE(same_bits(dx, both));
    EXPECT_TRUE(same_bits(dp, both));
  }
}

TEST(Rnn, AgreesWithTheReference) {
  for (const RnnCell cell : cells)
    for (const Case& c : std::vector<Case>{{1, 1, 1},
                                           {2, 5, 31},
                                           {5, 9, 32},
                                           {4, 3, 33},
                                           {3, 2, 63},
                                           {9, 30, 3},
                                           {0, 4, 3},
                                           {1, 2, 130}})
      for (const DType dtype : {DType::f32, DType::f64})
        for (const bool all : {false, true}) {
          SCOPED_TRACE(str(rnn_gates(cell), " gates, ", dtype, " ", c.batch, " ", c.time, " ",
                           c.channels, all));
          kernels::Rnn in = arguments(cell, c, dtype, all);
          const reference::Rnn expected = reference::rnn(in);
          in.x = pitched(in.x), in.W = pitched(in.W);
          if (in.state) in.state = pitched(in.state);
          const auto [h, state] = run(in);
          const double tolerance = dtype == DType::f32 ? 5e-6 : 1e-13;
          testing::expect_close(h.value(), expected.h, tolerance);
          testing::expect_close(state.value(), expected.state, tolerance);
        }
}

/// Numbers that PyTorch can be given too: ((i a) mod b) / b - 1/2.
Tensor sequence(const Shape& shape, int64_t a, int64_t b) {
  std::vector<double> values;
  for (int64_t i = 0; i < shape.numel(); ++i)
    values.push_back(static_cast<double>(i * a % b) / static_cast<double>(b) - 0.5);
  return Tensor::from(shape, values);
}

TEST(Rnn, AgreesWithPyTorch) {
  // y of torch.nn.{RNN, LSTM, GRU}(2, 2) 2.15 with weight_ih, weight_hh, bias_ih, bias_hh and x as below.
  const std::vector<double> expected[] = {
      {-0.5919562668866, -0.030665589299633, -0.690033377674061, -0.121749801641601,
       -0.400687087634558, -0.100543201784218},
      {-0.048461233983843, 0.077574854667731, -0.047050606988604, 0.199941782954906,
       -0.065594972912785, 0.21914821418629},
      {-0.192527270847777, 0.061230485959193, -0.247989784277678, 0.31221443437408,
       -0.281099159412715, 0.289616864896262}};
  for (size_t i = 0; i < 3; ++i) {
    const int64_t gates = 2 * rnn_gates(cells[i]);
    const Variable x =
        linear(sequence({1, 3, 2}, 2, 7), sequence({gates, 2}, 3, 17), sequence({gates}, 7, 13));
    const RnnResult result =
        rnn(cells[i], x, sequence({gates, 2}, 5, 19), sequence({gates}, 4, 11));
    testing::expect_close(result.h.value(), Tensor::from({1, 3, 2}, expected[i]), 1e-13);
  }
}

TEST(Rnn, GradientsAgreeWithCentralDifferences) {
  for (const RnnCell cell : cells)
    for (const Case& c : {Case{2, 5, 3}, Case{1, 1, 9}, Case{5, 3, 2}})
      for (const bool all : {false, true}) {
        SCOPED_TRACE(str(rnn_gates(cell), " gates, ", c.batch, " ", c.time, " ", c.channels, all));
        const kernels::Rnn in = arguments(cell, c, DType::f64, all);
        const auto f = [&](const Variables& v) {
          const auto [h, state] = rnn(cell, v[0], v[1], v[2], {.state = v[3], .resets = in.resets});
          return Variables{h, state};
        };
        check_gradients(f, {in.x, in.W, in.b, in.state});
      }
}

TEST(Rnn, ChunksAndStepsHandTheStateOnExactly) {
  for (const RnnCell cell : cells) {
    const kernels::Rnn in = arguments(cell, {3, 20, 19}, DType::f32, true);
    const RnnResult whole = run(in);
    for (const std::vector<int64_t>& sizes :
         {std::vector<int64_t>{1, 19}, {19, 1}, std::vector<int64_t>(20, 1)}) {
      kernels::Rnn part = in;
      Variables hs;
      int64_t begin = 0;
      for (const int64_t size : sizes) {
        part.x = in.x.slice(1, begin, begin + size);
        part.resets = in.resets.slice(1, begin, begin + size);
        const auto [h, state] = run(part);
        hs.push_back(h);
        part.state = state.value();
        begin += size;
      }
      EXPECT_TRUE(same_bits(concat(hs, 1).value(), whole.h.value()));
      EXPECT_TRUE(same_bits(part.state, whole.state.value()));
    }
  }
}

TEST(Rnn, ADocumentLearnsNothingOfTheOneBefore) {
  for (const RnnCell cell : cells) {
    kernels::Rnn in = arguments(cell, {1, 6, 3}, DType::f32, true);
    in.resets = Tensor::from({1, 6}, std::vector<uint8_t>{0, 0, 0, 1, 0, 0});
    const Variable x(in.x, true), state(in.state, true);
    const auto [h, last] = rnn(cell, x, in.W, in.b, {.state = state, .resets = in.resets});
    slice(h, 1, 3, 6).backward(Random(5).normal({1, 3, 3}));
    for (const double g : state.grad().to_vector()) EXPECT_EQ(g, 0);
    for (const double g : x.grad().slice(1, 0, 3).to_vector()) EXPECT_EQ(g, 0);
    const RnnResult alone = rnn(cell, in.x.slice(1, 3, 6), in.W, in.b);
    EXPECT_TRUE(same_bits(alone.h.value(), h.value().slice(1, 3, 6)));
  }
}

TEST(Rnn, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const RnnCell cell : cells) {
    const kernels::Rnn in = arguments(cell, {9, 20, 37}, DType::f32, true);
    testing::expect_same_on_any_threads([&] {
      const Variable x(in.x, true), W(in.W, true), b(in.b, true), s(in.state, true);
      const auto [h, state] = rnn(cell, x, W, b, {.state = s, .resets = in.resets});
      h.backward(Random(5).normal(h.shape()));
      return Tensors{h.value(), state.value(), x.grad(), W.grad(), b.grad(), s.grad()};
    });
  }
}

TEST(Rnn, RefusesWhatDoesNotFit) {
  const kernels::Rnn in = arguments(RnnCell::lstm, {2, 5, 3}, DType::f32, false);
  EXPECT_EQ(testing::error_of([&] { rnn(RnnCell::gru, in.x, in.W, in.b); }),
            "rnn: W is [12, 3], expected 3 rows for each of its 3 columns");
  EXPECT_EQ(testing::error_of([&] {
              rnn(RnnCell::lstm, in.x, in.W, in.b, {.state = Tensor::zeros({2, 3})});
            }),
            "rnn: axis `state` of `state` is 3, expected 6\n"
            "  expected  state [batch, state] = [2, 6]\n"
            "  received  state                = [2, 3]\n"
            "  because   the states of this cell = [2, 3]");
}

}  // namespace
}  // namespace lw
