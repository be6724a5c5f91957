#include "autograd/ops/norm.h"

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/norm.h"

namespace lw {
namespace {

using testing::error_of;
using testing::expect_close;
using testing::same_bits;

Tensor noise(const Shape& shape, DType dtype = DType::f64, uint64_t stream = 0, double mean = 0) {
  return Random(7).fork(stream).normal(shape, mean, 1, DType::f64).to(dtype);
}

TEST(Norm, EqualsTheReferenceAtAwkwardSizes) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t n : {1, 31, 32, 33, 63, 1000}) {
      const Tensor x = noise({7, n + 3}, dtype, 1).slice(1, 2, n + 2);
      const Tensor w = noise({n}, dtype, 2), b = noise({n}, dtype, 3);
      const Tensor w1 = w.reshape({1, -1}), b1 = b.reshape({1, -1});
      const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-13;
      expect_close(layer_norm(x, w, b, 1e-5).value(), reference::norm(x, w1, b1, 1e-5, true),
                   tolerance);
      expect_close(layer_norm(x, w, {}, 1e-2).value(), reference::norm(x, w1, {}, 1e-2, true),
                   tolerance);
      expect_close(rms_norm(x, w, 1e-3).value(), reference::norm(x, w1, {}, 1e-3, false),
                   tolerance);
    }
}

TEST(Norm, KeepsItsDigitsWhereTheMeanIsLarge) {
  const Tensor x = noise({5, 300}, DType::f32, 1, 1e4), w = Tensor::full({300}, 1);
  expect_close(layer_norm(x, w, {}).value(), reference::norm(x, w.reshape({1, -1}), {}, 1e-5, true),
               1e-3);
}

TEST(Norm, GradientsAgreeWithDifferences) {
  const auto layer = [](const Variables& v) { return layer_norm(v[0], v[1], v[2], 1e-2); };
  const auto rms = [](const Variables& v) { return rms_norm(v[0], v[1], 1e-2); };
  for (const int64_t n : {1, 5, 33}) {
    check_gradients(layer, {noise({2, 3, n}), noise({n}), noise({n}, DType::f64, 3)});
    check_gradients(rms, {noise({2, 3, n}), noise({n})});
  }
  for (const int64_t n : {300, 1100, 9000})  // on a GPU other threads, other memory
    check_gradients(layer, {noise({2, n}), noise({n}), noise({n}, DType::f64, 3)});
  check_gradients(layer, {noise({50, 5}), noise({5}), noise({5}, DType::f64, 3)});
  check_gradients(layer, {noise({2, 3, 4}), noise({4}), Tensor()});
  check_gradients(rms, {noise({4}), noise({4})});
  check_gradients(rms, {noise({2, 0, 4}), noise({4})});
}

TEST(Norm, GroupsAreNormalisedApart) {
  const Tensor x = noise({2, 5, 3, 4}), w = noise({3, 4}), b = noise({3, 4}, DType::f64, 2);
  expect_close(layer_norm(x, w, b).value().reshape({30, 4}),
               reference::norm(x.reshape({30, 4}), w, b, 1e-5, true), 1e-13);
  check_gradients([](const Variables& v) { return layer_norm(v[0], v[1], v[2]); }, {x, w, b});
}

TEST(AddNorm, NormalisesTheSumAndHandsItOn) {
  const Tensor x = noise({2, 3, 33}), r = noise({2, 3, 33}, DType::f64, 1), w = noise({33});
  const auto [y, s] = add_rms_norm(x, r, w);
  std::vector<double> sum = x.to_vector();
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += r.to_vector()[i];
  const Tensor expected = Tensor::from(x.shape(), sum);
  EXPECT_TRUE(same_bits(s.value(), expected));
  EXPECT_TRUE(same_bits(y.value(), rms_norm(expected, w).value()));
  EXPECT_TRUE(same_bits(add_rms_norm(x, {}, w).first.value(), rms_norm(x, w).value()));
}

TEST(AddNorm, GradientsFlowThroughBothResults) {
  const auto rms = [](const Variables& v) {
    const auto [y, s] = add_rms_norm(v[0], v[1], v[2], 1e-2);
    return add_rms_norm(y, s, v[2], 1e-2).first;
  };
  const auto layer = [](const Variables& v) {
    const auto [y, s] = add_layer_norm(v[0], v[1], v[2], v[3], 1e-2);
    return add_layer_norm(y, s, v[2], v[3], 1e-2).first;
  };
  const Tensor x = noise({2, 3, 5}), r = noise({2, 3, 5}, DType::f64, 1), w = noise({5});
  check_gradients(rms, {x, r, w});
  check_gradients(rms, {x, Tensor(), w});
  check_gradients(layer, {x, r, w, noise({5}, DType::f64, 3)});
  check_gradients([](const Variables& v) { return add_rms_norm(v[0], v[1], v[2]).second; },
                  {x, r, w});
}

TEST(Norm, TakesPitchedArgumentsInBothPasses) {
  check_gradients(
      [](const Variables& v) {
        const auto a = split(v[0], {2, 5, 3}), b = split(v[1], {1, 5, 4});
        const auto [y, s] = add_layer_norm(a[1], b[1], v[2], v[3], 1e-2);
        return split(y, {2, 3})[1];
      },
      {noise({2, 3, 10}), noise({2, 3, 10}, DType::f64, 1), noise({5}), noise({5})});
}

TEST(Norm, HasTheSameBitsOnAnyNumberOfThreads) {
  testing::expect_same_on_any_threads([] {
    const Variable x(noise({3, 900, 65}, DType::f32), true), r(noise({3, 900, 65}, DType::f32, 1)),
        w(noise({65}, DType::f32), true), b(noise({65}, DType::f32), true);
    const auto [y, s] = add_layer_norm(x, r, w, b);
    y.backward(noise(x.shape(), DType::f32, 5));
    return Tensors{y.value(), s.value(), x.grad(), w.grad(), b.grad()};
  });
}

TEST(Norm, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] {
              rms_norm(Tensor::zeros({2, 3}), Tensor::zeros({4}));
            }),
            "rms_norm: axis `n` of `weight` is 4, expected 3\n"
            "  expected  weight [n] = [3]\n"
            "  received  weight     = [4]\n"
            "  because   x [..., n] = [2, 3]");
  EXPECT_EQ(error_of([] {
              add_rms_norm(Tensor::zeros({2, 3}), Tensor::zeros({3}), Tensor::zeros({3}));
            }),
            "add_rms_norm: `residual` is [3], expected [2, 3] like `x`");
  EXPECT_EQ(
      error_of([] {
        rms_norm(Tensor::zeros({2, 3}, DType::bf16), Tensor::zeros({3}));
      }),
      str("rms_norm: `x` is bf16 [2, 3], expected f32 on ", default_device(), " like `weight`"));
}

}  // namespace
}  // namespace lw
