#include "core/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/memory.h"
#include "core/parallel.h"

namespace lw {
namespace {

Tensor counting(const Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 0.f);
  return Tensor::from(shape, values);
}

TEST(Tensor, NewMemoryIsPoisonedUnderTest) {
  const Tensor t = Tensor::empty({17});
  for (const double x : t.to_vector()) EXPECT_TRUE(std::isnan(x));
  EXPECT_FALSE(t.all_finite());
  for (const double x : Tensor::empty({5}, DType::bf16).to_vector()) EXPECT_TRUE(std::isnan(x));
}

TEST(Tensor, ASliceSharesStorageAndKeepsThePitch) {
  const Tensor t = counting({2, 3, 8});
  const Tensor part = t.slice(-1, 2, 5);
  EXPECT_TRUE(part.shares_storage(t));
  EXPECT_FALSE(part.is_contiguous());
  EXPECT_EQ(part.stride(1), 8);
  EXPECT_EQ(part.at({1, 2, 0}), 42);
  EXPECT_EQ(part.to_vector(), (std::vector<double>{2, 3, 4, 10, 11, 12, 18, 19, 20, 26, 27, 28, 34,
                                                   35, 36, 42, 43, 44}));
  EXPECT_EQ(part.contiguous().to_vector(), part.to_vector());
}

TEST(Tensor, ReshapeOfEquallySpacedRowsIsAView) {
  const Tensor part = counting({2, 3, 8}).slice(-1, 2, 5);
  const Tensor rows = part.rows();
  EXPECT_TRUE(rows.shares_storage(part));
  EXPECT_EQ(rows.shape(), (Shape{6, 3}));
  EXPECT_EQ(rows.stride(0), 8);
  EXPECT_EQ(rows.to_vector(), part.to_vector());
}

TEST(Tensor, ReshapeCopiesWhereThePitchDoesNotSurvive) {
  const Tensor t = counting({2, 4, 3}).slice(1, 1, 3);  // a gap between batches
  const Tensor rows = t.rows();
  EXPECT_FALSE(rows.shares_storage(t));
  EXPECT_EQ(rows.to_vector(), t.to_vector());
  const Tensor part = counting({2, 8}).slice(-1, 0, 6);
  EXPECT_EQ(part.reshape({2, 2, 3}).to_vector(), part.to_vector());
  EXPECT_TRUE(part.reshape({2, 2, 3}).shares_storage(part));
  EXPECT_EQ(part.reshape({3, -1}).to_vector(), part.to_vector());
}

TEST(Tensor, SelectDropsAnAxis) {
  const Tensor t = counting({2, 3, 4});
  EXPECT_EQ(t.select(1, 2).to_vector(), (std::vector<double>{8, 9, 10, 11, 20, 21, 22, 23}));
  EXPECT_EQ(t.select(-1, 1).to_vector(), (std::vector<double>{1, 5, 9, 13, 17, 21}));
  EXPECT_TRUE(t.select(0, 1).shares_storage(t));
  EXPECT_FALSE(t.select(-1, 1).shares_storage(t));
}

TEST(Tensor, CopiesBetweenPitchedViewsAndDTypes) {
  Tensor target = Tensor::zeros({2, 3, 5}, DType::f64);
  Tensor part = target.slice(-1, 1, 4);
  part.copy_from(counting({2, 3, 3}));
  EXPECT_EQ(part.to_vector(), counting({2, 3, 3}).to_vector());
  EXPECT_EQ(target.at({1, 2, 0}), 0);
  EXPECT_EQ(target.at({1, 2, 4}), 0);
  const Tensor c = counting({3}).to(DType::c64).to(host);
  EXPECT_EQ(c.data<complex64>()[2], complex64(2, 0));
}

TEST(Tensor, BFloat16RoundsToNearestEven) {
  EXPECT_EQ(static_cast<float>(bfloat16(1.00390625f)), 1.0f);       // halfway, to even
  EXPECT_EQ(static_cast<float>(bfloat16(1.01171875f)), 1.015625f);  // halfway, to even, up
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(NAN))));
  EXPECT_TRUE(std::isinf(static_cast<float>(bfloat16(3.4e38f))));
}

TEST(Tensor, MisuseIsRefused) {
  const Tensor t = counting({2, 3});
  EXPECT_THROW(t.data<double>(), Error);
  EXPECT_THROW((t.view<float, 3>()), Error);
  EXPECT_THROW(t.reshape({4, 2}), Error);
  EXPECT_THROW(t.slice(1, 2, 4), Error);
  EXPECT_THROW(t.size(2), Error);
  EXPECT_THROW(Tensor().data<float>(), Error);
  EXPECT_THROW(Tensor::empty({int64_t{1} << 40, int64_t{1} << 40}), Error);
}

TEST(Tensor, EmptyAndScalarTensors) {
  EXPECT_EQ(Tensor::zeros({0, 3}).reshape({3, 0}).numel(), 0);
  EXPECT_EQ(Tensor::scalar(2.5).item(), 2.5);
  EXPECT_EQ(Tensor::zeros({0, 3}).rows().shape(), (Shape{0, 3}));
}

TEST(Memory, FreedBlocksAreReused) {
  const void* first = Tensor::empty({1000}).raw();
  EXPECT_EQ(Tensor::empty({1001}).raw(), first);  // the same size class
  const int64_t before = memory_use().used;
  {
    const Tensor t = Tensor::empty({1 << 20});
    EXPECT_GE(memory_use().used, before + (4 << 20));
  }
  EXPECT_EQ(memory_use().used, before);
}

TEST(Parallel, EveryChunkRunsOnceAndExceptionsArrive) {
  std::vector<int> seen(1003);
  parallel_for(1003, 10, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
  });
  EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), 1003);
  EXPECT_THROW(parallel_chunks(100, [](int64_t chunk) { check(chunk != 57, "57"); }), Error);
}

}  // namespace
}  // namespace lw
