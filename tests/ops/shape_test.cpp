#include "autograd/ops/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "autograd/gradcheck.h"
#include "core/parallel.h"
#include "core/random.h"
#include "tests/reference/shape.h"

namespace lw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// 0, 1, 2, ... in any dtype.
Tensor count(const Shape& shape, DType dtype = DType::f32) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 0.);
  return Tensor::from(shape, values).to(dtype);
}

Tensor noise(const Shape& shape, DType dtype = DType::f64) {
  return Random(1).normal(shape, 0, 1, dtype);
}

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Reshape, WorksOutOneSize) {
  const Variable x(count({2, 6}));
  EXPECT_EQ(reshape(x, {3, -1}).shape(), Shape({3, 4}));
  EXPECT_EQ(reshape(x, Shape{12}).shape(), Shape({12}));
  EXPECT_TRUE(reshape(x, {4, 3}).value().shares_storage(x.value()));
  check_gradients([](const Variables& v) { return reshape(v[0], {-1, 5}); }, {noise({2, 3, 5})});
}

TEST(Transpose, MovesEveryElementOfEveryDtype) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::c64, DType::c128,
                            DType::i32, DType::i64, DType::u8}) {
    const Variable y = transpose(Variable(count({2, 2, 3}, dtype)), 1, 2);
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_TRUE(y.value().is_contiguous());
    EXPECT_THAT(y.value().to_vector(), ElementsAre(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11));
  }
}

TEST(Transpose, KeepsBothPartsOfAComplexNumber) {
  const std::vector<complex64> values{{1, 2}, {3, 4}, {5, 6}};
  const Tensor y = transpose(Variable(Tensor::from({3, 1}, values)), 0, 1).value().to(host);
  EXPECT_EQ(std::vector<complex64>(y.data<complex64>(), y.data<complex64>() + 3), values);
}

TEST(Rearrange, AgreesWithTheReferenceAtAwkwardSizes) {
  using kernels::Arrangement;
  const std::vector<Arrangement> arrangements{{{2, 1, 0}, {}},
                                              {{0, 2, 1}, {}},
                                              {{1, 0, 2}, {}},
                                              {{2, 0, 1}, {true, false, false}},
                                              {{0, 1, 2}, {false, false, true}},
                                              {{0, 1, 2}, {true, true, false}},
                                              {{1, 2, 0}, {false, true, true}}};
  for (const Shape& shape : {Shape{1, 1, 1}, Shape{3, 31, 33}, Shape{2, 1, 63}, Shape{5, 32, 1},
                             Shape{1, 1000, 17}, Shape{2, 0, 3}}) {
    const Tensor whole = count(shape.with(-1, shape.back() + 3));
    for (const Tensor& x : {count(shape), whole.slice(-1, 2, 2 + shape.back())}) {
      for (const Arrangement& how : arrangements) {
        Shape to = shape;
        for (int k = 0; k < 3; ++k) to[k] = shape[how.axis[k]];
        Tensor pitched = Tensor::full(to.with(-1, to.back() + 5), -1);
        Tensor y = Tensor::empty(to), z = pitched.slice(-1, 4, 4 + to.back());
        kernels::rearrange(x, how, y);
        kernels::rearrange(x, how, z);
        EXPECT_EQ(y.to_vector(), reference::rearrange(x, how)) << shape;
        EXPECT_EQ(z.to_vector(), y.to_vector()) << shape;
        EXPECT_EQ(pitched.slice(-1, 0, 4).to_vector(),
                  std::vector<double>(static_cast<size_t>(4 * to.without(-1).numel()), -1));
      }
    }
  }
}

TEST(Rearrange, HasTheSameBitsOnAnyNumberOfThreads) {
  const int before = num_threads();
  const Variable x(noise({3, 200, 130}, DType::f32));
  set_num_threads(1);
  const auto one = permute(x, {2, 0, 1}).value().to_vector();
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    EXPECT_EQ(permute(x, {2, 0, 1}).value().to_vector(), one);
  }
  set_num_threads(before);
}

TEST(Rearrange, GradientsAreTheInverse) {
  for (const DType dtype : {DType::f64, DType::c128}) {
    const Tensor x = noise({2, 3, 4}).to(dtype);
    check_gradients([](const Variables& v) { return transpose(v[0], 0, -1); }, {x});
    check_gradients([](const Variables& v) { return permute(v[0], {2, 0, 1}); }, {x});
    check_gradients([](const Variables& v) { return flip(v[0], 1); }, {x});
    check_gradients([](const Variables& v) { return flip(v[0], -1); }, {x});
  }
}

TEST(Permute, NamesEachAxisOnce) {
  const Variable x(count({2, 3, 4}));
  EXPECT_EQ(permute(x, {2, 0, -2}).shape(), Shape({4, 2, 3}));
  EXPECT_EQ(message([&] { permute(x, {0, 1, 1}); }), "permute: axis 1 is named twice");
  EXPECT_EQ(message([&] { permute(x, {0, 1}); }), "permute: 2 axes for shape [2, 3, 4]");
}

TEST(Flip, ReversesOneAxis) {
  EXPECT_THAT(flip(Variable(count({2, 3})), 0).value().to_vector(), ElementsAre(3, 4, 5, 0, 1, 2));
  EXPECT_THAT(flip(Variable(count({2, 3})), 1).value().to_vector(), ElementsAre(2, 1, 0, 5, 4, 3));
}

TEST(Split, PartsAreViewsAndTheGradientIsWhole) {
  const Variable x(count({2, 5}, DType::f64), true);
  const auto [a, b] = split<2>(x, {2, 3});
  EXPECT_TRUE(a.value().shares_storage(x.value()) && b.value().shares_storage(x.value()));
  EXPECT_THAT(a.value().to_vector(), ElementsAre(0, 1, 5, 6));
  EXPECT_THAT(b.value().to_vector(), ElementsAre(2, 3, 4, 7, 8, 9));
  b.backward(count({2, 3}, DType::f64));
  EXPECT_THAT(x.grad().to_vector(), ElementsAre(0, 0, 0, 1, 2, 0, 0, 3, 4, 5));
  for (const int axis : {0, 1, -1})
    check_gradients(
        [axis](const Variables& v) {
          return split(v[0], {1, 0, 3}, axis);
        },
        {noise({4, 4, 4})});
  EXPECT_EQ(message([&] {
              split(x, {2, 2});
            }),
            "split: the sizes add up to 4, expected 5, the size of axis 1 of [2, 5]");
}

TEST(Slice, AndSelectTakeAPart) {
  const Variable x(count({2, 3, 2}));
  EXPECT_THAT(slice(x, 1, 1, 3).value().to_vector(), ElementsAre(2, 3, 4, 5, 8, 9, 10, 11));
  EXPECT_THAT(select(x, 1, 2).value().to_vector(), ElementsAre(4, 5, 10, 11));
  EXPECT_THAT(select(x, -1, 1).value().to_vector(), ElementsAre(1, 3, 5, 7, 9, 11));
  for (const int axis : {0, 1, -1}) {
    check_gradients([axis](const Variables& v) { return slice(v[0], axis, 1, 3); },
                    {noise({4, 5, 3})});
    check_gradients([axis](const Variables& v) { return select(v[0], axis, 2); },
                    {noise({4, 5, 3}).to(DType::c128)});
  }
  EXPECT_EQ(message([&] { select(x, 1, 3); }), "select: index 3 is outside axis 1 of [2, 3, 2]");
  EXPECT_THAT(message([&] { slice(x, 0, 1, 3); }), HasSubstr("slice: [1, 3) is outside axis 0"));
}

TEST(Concat, UndoesSplit) {
  const Variable x(count({2, 5}));
  EXPECT_EQ(concat(split(x, {1, 3, 1})).value().to_vector(), x.value().to_vector());
  EXPECT_THAT(concat({Variable(count({1, 2})), Variable(count({2, 2}))}, 0).value().to_vector(),
              ElementsAre(0, 1, 0, 1, 2, 3));
  const auto join = [](const Variables& v) { return concat(v, 1); };
  check_gradients(join, {noise({2, 1, 3}), noise({2, 4, 3}), noise({2, 0, 3})});
  EXPECT_EQ(message([&] {
              concat({x, Variable(count({3, 5}))});
            }),
            "concat: value 1 is f32 [3, 5], expected the dtype and, but for axis 1, the shape of "
            "value 0, f32 [2, 5]");
}

TEST(Stack, AddsAnAxis) {
  const Variables xs{Variable(count({3})), Variable(count({3}))};
  EXPECT_THAT(stack(xs).value().to_vector(), ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_THAT(stack(xs, -1).value().to_vector(), ElementsAre(0, 0, 1, 1, 2, 2));
  check_gradients([](const Variables& v) { return stack(v, 1); }, {noise({2, 3}), noise({2, 3})});
}

TEST(Pad, SurroundsAnAxis) {
  EXPECT_THAT(pad(Variable(count({2, 2})), 1, 1, 2, 9).value().to_vector(),
              ElementsAre(9, 0, 1, 9, 9, 9, 2, 3, 9, 9));
  EXPECT_THAT(pad(Variable(count({1, 2})), 0, 0, 1).value().to_vector(), ElementsAre(0, 1, 0, 0));
  for (const int axis : {0, 1, -1})
    check_gradients([axis](const Variables& v) { return pad(v[0], axis, 2, 1, 3); },
                    {noise({2, 3, 4})});
  EXPECT_EQ(message([] { pad(Variable(count({2})), 0, -1, 0); }),
            "pad: expected at least 0 elements on each side, received -1 and 0");
}

}  // namespace
}  // namespace lw
