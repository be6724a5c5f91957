#include "autograd/ops/matmul.h"

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/matmul.h"

namespace lw {
namespace {

using kernels::MatmulOptions;
using testing::error_of;
using testing::expect_close;

Tensor noise(const Shape& shape, DType dtype, uint64_t stream = 0) {
  const Device device = default_device();
  const DeviceScope on_host(host);
  return Random(7).fork(stream).normal(shape, 0, 1, DType::f64).to(dtype).to(device);
}

/// A pitched view: a part of a wider tensor.
Tensor pitched(const Shape& shape, DType dtype, uint64_t stream) {
  return noise(shape.with(-1, shape.back() + 5), dtype, stream).slice(-1, 3, shape.back() + 3);
}

double tolerance(DType dtype) {
  return dtype == DType::f64 ? 1e-12 : dtype == DType::f32 ? 1e-4 : 1e-2;
}

void expect_like_reference(int64_t m, int64_t n, int64_t k, DType in, DType out, MatmulOptions o,
                           bool bias = false) {
  const Tensor a = pitched(o.transpose_a ? Shape{k, m} : Shape{m, k}, in, 1);
  const Tensor b = pitched(o.transpose_b ? Shape{n, k} : Shape{k, n}, in, 2);
  Tensor c = Tensor::empty({m, n + 2}, out).slice(1, 1, n + 1);
  if (o.beta != 0) c.copy_from(noise({m, n}, out, 3));
  if (bias) o.bias = noise({n}, out == DType::bf16 ? DType::f32 : out, 4);
  const Tensor expected = reference::matmul(a, b, o, c);
  kernels::matmul(a, b, o, c);
  const double scale = std::sqrt(static_cast<double>(std::max<int64_t>(k, 1)));
  expect_close(c, expected, tolerance(out) * (1 + scale / 8));
}

constexpr std::pair<DType, DType> dtypes[] = {{DType::f32, DType::f32},
                                              {DType::f64, DType::f64},
                                              {DType::bf16, DType::f32},
                                              {DType::bf16, DType::bf16}};

TEST(Matmul, EqualsTheReferenceAtAwkwardSizes) {
  for (const auto& [in, out] : dtypes)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const auto& [m, n, k] :
             {std::array<int64_t, 3>{1, 1, 1}, {31, 33, 32}, {63, 1, 65}, {1, 100, 31}, {5, 0, 3}})
          expect_like_reference(m, n, k, in, out, {.transpose_a = ta, .transpose_b = tb});
}

TEST(Matmul, CutsLargeProductsAndLongSums) {
  for (const auto& [in, out] : dtypes) {
    expect_like_reference(300, 200, 65, in, out, {.transpose_b = true}, true);
    expect_like_reference(33, 17, 9000, in, out, {.transpose_a = true});
    expect_like_reference(33, 17, 9000, in, out, {.transpose_a = true, .alpha = 0.5, .beta = 1});
    expect_like_reference(130, 65, 2100, in, out, {.transpose_b = true}, true);
    expect_like_reference(1, 1700, 64, in, out, {.transpose_b = true}, true);
  }
}

TEST(Matmul, ScalesAndAccumulates) {
  for (const auto& [in, out] : dtypes)
    for (const double beta : {0., 1., -0.5}) {
      expect_like_reference(20, 30, 40, in, out, {.alpha = 2, .beta = beta}, true);
      expect_like_reference(20, 30, 0, out == DType::bf16 ? DType::f32 : in,
                            out == DType::bf16 ? DType::f32 : out, {.beta = beta}, true);
    }
}

TEST(Matmul, BroadcastsLeadingAxes) {
  const Tensor a = noise({2, 1, 3, 4}, DType::f64, 1), b = noise({5, 4, 6}, DType::f64, 2);
  const Tensor y = matmul(a, b).value();
  ASSERT_EQ(y.shape(), Shape({2, 5, 3, 6}));
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 5; ++j) {
      const Tensor c = y.select(0, i).select(0, j);
      expect_close(c, reference::matmul(a.select(0, i).select(0, 0), b.select(0, j), {}, c), 1e-13);
    }
}

TEST(Matmul, BroadcastsWhatNoSingleStepReaches) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    const Tensor a = noise({3, 1, 2, 4, 5}, dtype, 1).slice(3, 1, 3),
                 b = noise({4, 1, 5, 3}, dtype),
                 bias = noise({3}, dtype == DType::bf16 ? DType::f32 : dtype, 3);
    Tensor c = Tensor::empty({3, 4, 2, 2, 3}, dtype);
    kernels::matmul(a, b, {.bias = bias}, c);
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 4; ++j)
        for (int64_t l = 0; l < 2; ++l) {
          const Tensor part = c.select(0, i).select(0, j).select(0, l);
          expect_close(part,
                       reference::matmul(a.select(0, i).select(0, 0).select(0, l),
                                         b.select(0, j).select(0, 0), {.bias = bias}, part),
                       dtype == DType::bf16 ? 0.05 : 1e-5);
        }
  }
}

TEST(Matmul, MayRoundItsOperandsWhereItIsAllowedTo) {
  const Tensor a = noise({33, 100}, DType::f32, 1), b = noise({100, 31}, DType::f32, 2);
  Tensor c = Tensor::empty({33, 31});
  kernels::matmul(a, b, {.tf32 = true}, c);
  expect_close(c, reference::matmul(a, b, {}, c), 3e-2);
}

TEST(Matmul, GradientsAgreeWithDifferences) {
  const auto f = [](const Variables& v) { return matmul(v[0], v[1]); };
  const auto sizes = std::vector<std::pair<Shape, Shape>>{
      {{3, 4}, {4, 5}},          {{2, 3, 4}, {4, 5}}, {{2, 3, 4}, {2, 4, 5}},
      {{2, 1, 3, 4}, {3, 4, 2}}, {{3, 4}, {2, 4, 5}}, {{2, 0, 4}, {4, 3}}};
  for (const auto& [a, b] : sizes)
    check_gradients(f, {noise(a, DType::f64, 1), noise(b, DType::f64, 2)});
}

TEST(Matmul, TakesPitchedArgumentsWithoutCopies) {
  const Tensor a = pitched({2, 3, 4}, DType::f32, 1), b = pitched({4, 5}, DType::f32, 2);
  expect_close(matmul(a, b).value(), matmul(a.contiguous(), b.contiguous()).value(), 1e-6);
}

TEST(Matmul, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    const auto run = [&](const Shape& a_shape, const Shape& b_shape, MatmulOptions o, Shape c) {
      const Tensor a = noise(a_shape, dtype, 1), b = noise(b_shape, dtype, 2);
      testing::expect_same_on_any_threads([&] {
        Tensor y = Tensor::empty(c, dtype == DType::bf16 ? DType::f32 : dtype);
        kernels::matmul(a, b, o, y);
        return Tensors{y};
      });
    };
    run({100, 65}, {200, 65}, {.transpose_b = true}, {100, 200});  // one tile, several threads
    run({4000, 64}, {4000, 16}, {.transpose_a = true}, {64, 16});
    run({700, 30}, {30, 100}, {}, {700, 100});
    run({1, 300}, {1000, 300}, {.transpose_b = true}, {1, 1000});
    run({9, 16, 70}, {9, 70, 33}, {}, {9, 16, 33});
  }
}

TEST(Matmul, SumsColumnsInAFixedOrder) {
  for (const int64_t rows : {0, 1, 33, 5000}) {
    const Tensor x = pitched({rows, 31}, DType::f32, 1);
    testing::expect_same_on_any_threads([&] {
      Tensor y = Tensor::empty({31});
      kernels::column_sums(x, y);
      return Tensors{y};
    });
    Tensor y = Tensor::empty({31});
    kernels::column_sums(x, y);
    const std::vector<double> values = x.to_vector();
    std::vector<double> expected(31);
    for (size_t i = 0; i < values.size(); ++i) expected[i % 31] += values[i];
    expect_close(y, Tensor::from({31}, expected), 1e-3);
  }
}

TEST(Matmul, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] {
              matmul(Tensor::zeros({2, 3}), Tensor::zeros({4, 5}));
            }),
            "matmul: a has 3 columns, b has 4 rows\n"
            "  expected  a [..., m, k], b [..., k, n]\n"
            "  received  f32 [2, 3] and f32 [4, 5]");
  EXPECT_EQ(error_of([] {
              Tensor c = Tensor::zeros({2, 2});
              kernels::matmul(Tensor::zeros({2, 3}), Tensor::zeros({2, 3}), {}, c);
            }),
            "matmul: the sizes do not fit\n  A f32 [2, 3]\n  B f32 [2, 3]\n  C f32 [2, 2]");
  EXPECT_EQ(error_of([] {
              matmul(Tensor::zeros({2, 3}), Tensor::zeros({3, 5}, DType::f64));
            }),
            "matmul: a is f32, b is f64; expected one dtype");
}

}  // namespace
}  // namespace lw
