#include "autograd/ops/batch_norm.h"

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/batch_norm.h"

namespace lw {
namespace {

using testing::error_of;
using testing::expect_close;
using testing::same_bits;

Tensor noise(const Shape& shape, DType dtype = DType::f64, uint64_t stream = 0, double mean = 0) {
  return Random(7).fork(stream).normal(shape, mean, 1, DType::f64).to(dtype);
}

RunningAverages fresh(int64_t channels, DType dtype) {
  return {Tensor::zeros({channels}, dtype), Tensor::full({channels}, 1, dtype)};
}

TEST(BatchNorm, TrainsOnTheStatisticsOfTheBatch) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [rows, channels] :
         {std::pair<int64_t, int64_t>{2, 1}, {7, 33}, {1000, 31}, {63, 64}}) {
      const Tensor x = noise({rows, channels + 3}, dtype, 1, 3).slice(1, 2, channels + 2);
      const Tensor w = noise({channels}, dtype, 2), b = noise({channels}, dtype, 3);
      const RunningAverages running = fresh(channels, dtype);
      const Training training;
      const Tensor y = batch_norm(x, w, b, running, 0.25, 1e-3).value();
      const auto [mean, variance] = reference::column_statistics(x);
      const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-12;
      expect_close(y, reference::batch_norm(x, mean, variance, w, b, 1e-3), tolerance);
      for (int64_t c = 0; c < channels; ++c) {
        const double unbiased =
            variance.at({c}) * static_cast<double>(rows) / static_cast<double>(rows - 1);
        EXPECT_NEAR(running.mean.at({c}), 0.25 * mean.at({c}), 1e-5);
        EXPECT_NEAR(running.variance.at({c}), 0.75 + 0.25 * unbiased, 1e-5);
      }
    }
}

TEST(BatchNorm, EvaluatesOnTheRunningAverages) {
  const Tensor x = noise({2, 5, 3}), w = noise({3}), b = noise({3}, DType::f64, 1);
  const RunningAverages running{noise({3}), Tensor::full({3}, 2.5, DType::f64)};
  const Tensor before = running.mean.clone();
  expect_close(
      batch_norm(x, w, b, running).value().reshape({10, 3}),
      reference::batch_norm(x.reshape({10, 3}), running.mean, running.variance, w, b, 1e-5), 1e-13);
  EXPECT_TRUE(same_bits(running.mean, before));
}

TEST(BatchNorm, KeepsItsDigitsWhereTheMeanIsLarge) {
  const Tensor x = noise({500, 3}, DType::f32, 1, 1e4), w = Tensor::full({3}, 1),
               b = Tensor::zeros({3});
  const Training training;
  const auto [mean, variance] = reference::column_statistics(x);
  expect_close(batch_norm(x, w, b, fresh(3, DType::f32)).value(),
               reference::batch_norm(x, mean, variance, w, b, 1e-5), 2e-3);
}

TEST(BatchNorm, GradientsAgreeWithDifferences) {
  const auto f = [](const Variables& v) {
    return batch_norm(v[0], v[1], v[2], {noise({3}), Tensor::full({3}, 2, DType::f64)}, 0.1, 1e-2);
  };
  const Tensors inputs{noise({2, 5, 3}), noise({3}), noise({3}, DType::f64, 1)};
  check_gradients(f, inputs);
  const Training training;
  check_gradients(f, inputs);
}

TEST(BatchNorm, HasTheSameBitsOnAnyNumberOfThreads) {
  const Training training;
  testing::expect_same_on_any_threads([] {
    const Variable x(noise({3, 900, 65}, DType::f32), true), w(noise({65}, DType::f32), true),
        b(noise({65}, DType::f32), true);
    const RunningAverages running = fresh(65, DType::f32);
    const Variable y = batch_norm(x, w, b, running);
    y.backward(noise(x.shape(), DType::f32, 5));
    return Tensors{y.value(), running.mean, running.variance, x.grad(), w.grad(), b.grad()};
  });
}

TEST(BatchNorm, RefusesWhatItCannotNormalise) {
  const Training training;
  EXPECT_EQ(error_of([] {
              batch_norm(Tensor::zeros({1, 1, 3}), Tensor::zeros({3}), Tensor::zeros({3}),
                         fresh(3, DType::f32));
            }),
            "batch_norm: 1 row(s) have no variance; training needs batch x time >= 2");
}

}  // namespace
}  // namespace lw
