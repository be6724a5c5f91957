#include "autograd/ops/linear_recurrence.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/linear_recurrence.h"

namespace lw {
namespace {

using testing::pitched;
using testing::same_bits;

struct Case {
  int64_t batch, time, channels;
  bool slow = false;  // |a| near 1 and few documents: what is long ago counts
};

/// What a call is made of: complex rows, an a for each step, a state and documents, or none of them.
struct Kind {
  bool complex, varies, all;
};
const std::vector<Kind> kinds{{false, false, false}, {false, true, true}, {true, false, true},
                              {true, true, false},   {true, true, true},  {false, false, true}};

kernels::LinearRecurrence arguments(const Case& c, DType dtype, const Kind& kind) {
  const int64_t width = kind.complex ? 2 * c.channels : c.channels;
  kernels::LinearRecurrence in{Random(1).normal({c.batch, c.time, width}, 0, 1, dtype)};
  const double most = c.slow && !kind.complex ? 0.999 : 0.7, least = c.slow ? most - 0.02 : -most;
  in.a = Random(2).uniform(kind.varies ? Shape{c.batch, c.time, width} : Shape{width}, least, most,
                           dtype);
  in.complex = kind.complex;
  if (kind.all) {
    in.state = Random(3).normal({c.batch, width}, 0, 1, dtype);
    std::vector<uint8_t> resets;
    for (int64_t i = 0; i < c.batch * c.time; ++i)
      resets.push_back(Random(4).uniform_at(static_cast<uint64_t>(i)) < (c.slow ? 0.01 : 0.1));
    in.resets = Tensor::from({c.batch, c.time}, resets);
  }
  return in;
}

LinearRecurrenceResult run(const kernels::LinearRecurrence& in) {
  return linear_recurrence(in.x, in.a,
                           {.state = in.state ? Variable(in.state) : Variable(),
                            .resets = in.resets,
                            .complex = in.complex});
}

std::string name_of(const Case& c, const Kind& kind) {
  return str(c.batch, " ", c.time, " ", c.channels, kind.complex ? " complex" : " real",
             kind.varies ? ", varying" : "", kind.all ? ", state and documents" : "");
}

TEST(LinearRecurrence, AgreesWithTheReference) {
  for (const Case& c : std::vector<Case>{{1, 1, 1},
                                         {2, 5, 31},
                                         {1, 63, 32},
                                         {3, 64, 33},
                                         {2, 65, 63},
                                         {1, 1000, 3},
                                         {2, 300, 33, true},
                                         {2, 9, 150},
                                         {0, 4, 3},
                                         {2, 3, 0}})
    for (const Kind& kind : kinds)
      for (const DType dtype : {DType::f32, DType::f64}) {
        SCOPED_TRACE(str(dtype, " ", name_of(c, kind)));
        kernels::LinearRecurrence in = arguments(c, dtype, kind);
        const Tensor expected = reference::linear_recurrence(in);
        for (Tensor* t : {&in.x, &in.a, &in.state})
          if (*t) *t = pitched(*t);
        const auto [h, state] = run(in);
        const double tolerance = (dtype == DType::f32 ? 2e-6 : 1e-14) * (c.slow ? 10 : 1);
        testing::expect_close(h.value(), expected, tolerance);
        testing::expect_close(state.value(), expected.select(1, c.time - 1), tolerance);
      }
}

TEST(LinearRecurrence, GradientsAgreeWithCentralDifferences) {
  for (const Case& c : {Case{2, 5, 3}, Case{1, 130, 2}, Case{1, 1, 9}, Case{2, 4, 17}})
    for (const Kind& kind : kinds) {
      SCOPED_TRACE(name_of(c, kind));
      const kernels::LinearRecurrence in = arguments(c, DType::f64, kind);
      const auto f = [&](const Variables& v) {
        const auto [h, state] = linear_recurrence(
            v[0], v[1], {.state = v[2], .resets = in.resets, .complex = in.complex});
        return Variables{h, state};
      };
      check_gradients(f, {in.x, in.a, in.state});
    }
}

TEST(LinearRecurrence, GradientsFlowFarBack) {
  for (const Kind& kind : kinds) {
    const Case c{2, 200, 3, true};
    SCOPED_TRACE(name_of(c, kind));
    const kernels::LinearRecurrence in = arguments(c, DType::f64, kind);
    const auto f = [&](const Variables& v) {
      return linear_recurrence(v[0], in.a,
                               {.state = v[1], .resets = in.resets, .complex = in.complex})
          .h;
    };
    check_gradients(f, {in.x, in.state});  // h is linear in them, so that differences are exact
  }
}

TEST(LinearRecurrence, ChunksAndStepsHandTheStateOnExactly) {
  for (const Kind& kind : kinds) {
    const Case c{2, 80, 19};
    SCOPED_TRACE(name_of(c, kind));
    const kernels::LinearRecurrence in = arguments(c, DType::f32, kind);
    const LinearRecurrenceResult whole = run(in);
    for (const std::vector<int64_t>& sizes :
         {std::vector<int64_t>{1, 79}, {79, 1}, {33, 30, 17}, std::vector<int64_t>(80, 1)}) {
      kernels::LinearRecurrence part = in;
      Variables hs;
      int64_t begin = 0;
      for (const int64_t size : sizes) {
        part.x = in.x.slice(1, begin, begin + size);
        if (kind.varies) part.a = in.a.slice(1, begin, begin + size);
        if (in.resets) part.resets = in.resets.slice(1, begin, begin + size);
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

TEST(LinearRecurrence, ADocumentTakesNothingFromSequencesThatWentWrong) {
  // On a GPU these are long enough to be cut into segments, and all but the last are spoilt.
  const int64_t time = 300, start = 270;
  kernels::LinearRecurrence in = arguments({1, time, 3, true}, DType::f32, {true, true, false});
  std::vector<uint8_t> resets(time);
  resets[start] = 1;
  in.resets = Tensor::from({1, time}, resets);
  in.x.slice(1, 0, start).fill(NAN);
  in.a.slice(1, 0, start).fill(NAN);
  const Variable x(in.x, true);
  const auto [h, last] = linear_recurrence(x, in.a, {.resets = in.resets, .complex = true});
  slice(h, 1, start, time).backward(Random(5).normal({1, time - start, 6}));
  kernels::LinearRecurrence alone = in;
  alone.x = in.x.slice(1, start, time);
  alone.a = in.a.slice(1, start, time);
  alone.resets = {};
  testing::expect_close(h.value().slice(1, start, time), reference::linear_recurrence(alone), 2e-6);
  EXPECT_TRUE(x.grad().slice(1, start, time).all_finite());
}

TEST(LinearRecurrence, ADocumentLearnsNothingOfTheOneBefore) {
  kernels::LinearRecurrence in = arguments({1, 6, 3}, DType::f32, {true, true, true});
  in.resets = Tensor::from({1, 6}, std::vector<uint8_t>{0, 0, 0, 1, 0, 0});
  in.x.slice(1, 0, 3).fill(NAN);
  const Variable x(in.x, true), a(in.a, true), state(in.state, true);
  const auto [h, last] =
      linear_recurrence(x, a, {.state = state, .resets = in.resets, .complex = true});
  slice(h, 1, 3, 6).backward(Random(5).normal({1, 3, 6}));
  EXPECT_TRUE(slice(h, 1, 3, 6).value().all_finite());
  for (const double g : state.grad().to_vector()) EXPECT_EQ(g, 0);
  for (const double g : x.grad().slice(1, 0, 3).to_vector()) EXPECT_EQ(g, 0);
  for (const double g : a.grad().slice(1, 3, 4).to_vector()) EXPECT_EQ(g, 0);
  EXPECT_TRUE(a.grad().slice(1, 3, 6).all_finite());
}

TEST(LinearRecurrence, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const Kind& kind : kinds) {
    const kernels::LinearRecurrence in = arguments({3, 100, 150}, DType::f32, kind);
    testing::expect_same_on_any_threads([&] {
      const Variable x(in.x, true), a(in.a, true);
      const auto [h, state] = linear_recurrence(x, a, {.resets = in.resets, .complex = in.complex});
      h.backward(Random(5).normal(h.shape()));
      return Tensors{h.value(), state.value(), x.grad(), a.grad()};
    });
  }
}

TEST(LinearRecurrence, RefusesWhatDoesNotFit) {
  const kernels::LinearRecurrence in = arguments({2, 5, 3}, DType::f32, {});
  EXPECT_EQ(testing::error_of([&] { linear_recurrence(in.x, Tensor::zeros({4})); }),
            "linear_recurrence: axis `channel` of `a` is 4, expected 3\n"
            "  expected  a [channel] = [3]\n"
            "  received  a           = [4]\n"
            "  because   x [batch, time, channel] = [2, 5, 3]");
  EXPECT_EQ(testing::error_of([&] { linear_recurrence(in.x, in.a, {.complex = true}); }),
            "linear_recurrence: complex rows hold as many imaginary as real parts, received 3 "
            "numbers");
  EXPECT_THROW(linear_recurrence(Tensor::zeros({2, 0, 3}), in.a), Error);
}

}  // namespace
}  // namespace lw
