#include "autograd/ops/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/attention.h"

namespace lw {
namespace {

using testing::pitched;
using testing::same_bits;

struct Case {
  int64_t batch, past, time, heads, dim;
};

kernels::Attention arguments(const Case& c, DType dtype, bool documents) {
  const int64_t width = c.heads * c.dim;
  kernels::Attention in{Random(1).normal({c.batch, c.time, width}, 0, 1, dtype),
                        Random(2).normal({c.batch, c.past + c.time, width}, 0, 1, dtype),
                        Random(3).normal({c.batch, c.past + c.time, width}, 0, 1, dtype)};
  in.heads = c.heads;
  in.scale = 1 / std::sqrt(static_cast<double>(c.dim));
  if (documents) {
    std::vector<double> alive;
    std::vector<uint8_t> resets;
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t j = 0; j < c.past; ++j) alive.push_back(j > b);
    for (int64_t i = 0; i < c.batch * c.time; ++i)
      resets.push_back(Random(4).uniform_at(static_cast<uint64_t>(i)) < 0.08);
    in.alive = Tensor::from({c.batch, c.past}, alive).to(dtype);
    in.resets = Tensor::from({c.batch, c.time}, resets);
  }
  return in;
}

Variable run(const kernels::Attention& in, const Variable& q, const Variable& k,
             const Variable& v) {
  return attention(q, k, v,
                   {.heads = in.heads,
                    .alive = in.alive ? Variable(in.alive) : Variable(),
                    .resets = in.resets});
}

TEST(Attention, AgreesWithTheReference) {
  for (const Case& c : std::vector<Case>{{1, 0, 1, 1, 1},
                                         {2, 0, 31, 2, 3},
                                         {1, 0, 33, 1, 32},
                                         {2, 5, 32, 3, 5},
                                         {1, 64, 1, 2, 16},
                                         {1, 63, 66, 1, 7},
                                         {3, 130, 2, 1, 33},
                                         {0, 2, 3, 1, 2},
                                         {1, 0, 150, 1, 4}})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool documents : {false, true}) {
        SCOPED_TRACE(str(dtype, " ", c.batch, " ", c.past, " ", c.time, " ", c.heads, " ", c.dim,
                         documents ? " documents" : ""));
        const kernels::Attention in = arguments(c, dtype, documents);
        const Tensor o = run(in, pitched(in.q), pitched(in.k), pitched(in.v)).value();
        testing::expect_close(o, reference::attention(in), dtype == DType::f32 ? 5e-6 : 1e-13);
      }
}

TEST(Attention, BearsLargeScores) {
  kernels::Attention in = arguments({1, 0, 70, 1, 4}, DType::f32, false);
  const Tensor large = (Variable(in.q) * 300).value();
  const Variable q(large, true), k(in.k, true), v(in.v, true);
  const Variable o = run(in, q, k, v);
  o.backward(Random(5).normal(o.shape()));
  for (const Tensor& t : {o.value(), q.grad(), k.grad(), v.grad()}) EXPECT_TRUE(t.all_finite());
}

TEST(Attention, GradientsAgreeWithCentralDifferences) {
  for (const Case& c :
       {Case{2, 0, 5, 2, 3}, Case{1, 4, 3, 1, 5}, Case{1, 0, 66, 1, 2}, Case{2, 70, 2, 1, 1}})
    for (const bool documents : {false, true}) {
      SCOPED_TRACE(str(c.batch, " ", c.past, " ", c.time, documents));
      const kernels::Attention in = arguments(c, DType::f64, documents);
      check_gradients([&](const Variables& x) { return Variables{run(in, x[0], x[1], x[2])}; },
                      {in.q, in.k, in.v});
    }
}

TEST(Attention, StepsEqualTheWhole) {
  const kernels::Attention in = arguments({2, 0, 40, 2, 4}, DType::f64, true);
  AttentionOptions options{.heads = 2, .resets = in.resets};
  const Tensor whole = attention(in.q, in.k, in.v, options).value();
  Variable alive;
  for (int64_t t = 0; t < 40; ++t) {
    const auto upto = [&](const Tensor& x) { return x.slice(1, 0, t + 1); };
    options.alive = alive;
    options.resets = in.resets.slice(1, t, t + 1);
    const Tensor q = in.q.slice(1, t, t + 1);
    testing::expect_close(attention(q, upto(in.k), upto(in.v), options).value(),
                          whole.slice(1, t, t + 1), 1e-14);
    alive = attention_alive(q, upto(in.k), options);
  }
  for (int64_t b = 0; b < 2; ++b) {
    int64_t last = 0;
    for (int64_t t = 0; t < 40; ++t)
      if (in.resets.at({b, t}) != 0) last = t;
    for (int64_t j = 0; j < 40; ++j) EXPECT_EQ(alive.value().at({b, j}), j >= last);
  }
}

TEST(Attention, NothingReachesAnotherDocument) {
  kernels::Attention in = arguments({1, 3, 6, 1, 4}, DType::f32, false);
  in.resets = Tensor::from({1, 6}, std::vector<uint8_t>{0, 0, 0, 1, 0, 0});
  const auto values = [&](double of_first_document) {
    kernels::Attention changed = in;
    for (Tensor* t : {&changed.k, &changed.v}) {
      *t = t->clone();
      t->slice(1, 0, 3).fill(of_first_document);
    }
    const Variable q(changed.q, true), k(changed.k, true), v(changed.v, true);
    const Variable o = run(changed, q, k, v);
    Tensor dy = Tensor::zeros(o.shape());
    dy.slice(1, 3, 6).fill(1);  // from the second document alone
    o.backward(dy);
    for (const Variable& x : {k, v})
      for (const double g : x.grad().slice(1, 0, 3).to_vector()) EXPECT_EQ(g, 0);
    return o.value().slice(1, 3, 6).to_vector();
  };
  EXPECT_EQ(values(1), values(1e30));
}

TEST(Attention, HasTheSameBitsOnAnyNumberOfThreads) {
  const kernels::Attention in = arguments({2, 9, 70, 3, 20}, DType::f32, true);
  testing::expect_same_on_any_threads([&] {
    const Variable q(in.q, true), k(in.k, true), v(in.v, true);
    const Variable o = run(in, q, k, v);
    o.backward(Random(5).normal(o.shape()));
    return Tensors{o.value(), q.grad(), k.grad(), v.grad()};
  });
}

TEST(Attention, RefusesWhatDoesNotFit) {
  const kernels::Attention in = arguments({1, 0, 5, 1, 6}, DType::f32, false);
  EXPECT_EQ(testing::error_of([&] { attention(in.q, in.k, in.v, {.heads = 4}); }),
            "attention: 6 channels are not divided by 4 heads");
  EXPECT_EQ(
      testing::error_of([&] { attention(in.q, in.k.slice(1, 0, 3), in.v.slice(1, 0, 3), {}); }),
      "attention: 3 keys are fewer than 5 queries, of which each has one");
}

TEST(Rotary, ProductsDependOnTheDistance) {
  const Tensor q = Random(1).normal({1, 1, 8}, 0, 1, DType::f64),
               k = Random(2).normal({1, 1, 8}, 0, 1, DType::f64);
  const auto product = [&](int64_t at_q, int64_t at_k) {
    return sum(rotary(q, 2, at_q) * rotary(k, 2, at_k)).value().item();
  };
  EXPECT_NEAR(product(9, 4), product(1005, 1000), 1e-11);
  EXPECT_GT(std::abs(product(9, 4) - product(10, 4)), 1e-3);
  EXPECT_NEAR(product(0, 0), sum(Variable(q) * Variable(k)).value().item(), 1e-14);
  check_gradients([](const Variables& x) { return Variables{rotary(x[0], 2, 3)}; },
                  {Random(3).normal({2, 5, 8}, 0, 1, DType::f64)});
  EXPECT_EQ(testing::error_of([] {
              rotary(Tensor::zeros({1, 1, 6}), 2, 0);
            }),
            "rotary: 6 channels are not 2 heads of an even size");
}

}  // namespace
}  // namespace lw
