// The tile products of core/cuda_tile_product.h, with the fragments of the PTX ISA, against the definition.
#include "tests/emulator/emulator.h"
// after the emulator, which stands in for CUDA
#include <gtest/gtest.h>

#include "core/cuda_tile_product.h"
#include "core/device_runtime.h"
#include "core/random.h"
#include "core/tensor.h"

namespace lw {
namespace {

/// out = out + a b + (a b) b, by one warp; a, out [16, 8], b [8, 8].
template <class T>
void products_kernel(View<const T, 2> a, View<const T, 2> b, View<T, 2> out) {
  const int lane = static_cast<int>(threadIdx.x), r = lane / 4, q = lane % 4;
  cuda::Tile<T> left, product = {}, sum;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) {
      left.at[i][j] = a(r + 8 * i, 2 * q + j);
      sum.at[i][j] = out(r + 8 * i, 2 * q + j);
    }
  const auto right = cuda::right_factor<T>(b(2 * q, r), b(2 * q + 1, r));
  cuda::add_product(product, cuda::left_factor(left), right);
  cuda::add_product(sum, cuda::left_factor(left), right);
  cuda::add_product(sum, cuda::left_factor(product), right);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) out(r + 8 * i, 2 * q + j) = sum.at[i][j];
}

template <class T>
double error_of_products(DType dtype) {
  const Device gpu{DeviceKind::cuda, 0};
  const DeviceScope on_host(host);
  const Tensor a = Random(1).normal({16, 8}, 0, 1, dtype),
               b = Random(2).normal({8, 8}, 0, 1, dtype),
               c = Random(3).normal({16, 8}, 0, 1, dtype);
  const Tensor device_a = a.to(gpu), device_b = b.to(gpu), out = c.to(gpu);
  cuda::launch(products_kernel<T>, cuda::blocks(1, 32), device_a.view<const T, 2>(),
               device_b.view<const T, 2>(), out.view<T, 2>());
  const Tensor actual = out.to(host);
  double worst = 0;
  for (int64_t i = 0; i < 16; ++i)
    for (int64_t j = 0; j < 8; ++j) {
      double expected = c.at({i, j}), size = std::abs(expected);
      const auto add = [&](double term) { expected += term, size += std::abs(term); };
      for (int64_t k = 0; k < 8; ++k) {
        add(a.at({i, k}) * b.at({k, j}));
        for (int64_t l = 0; l < 8; ++l) add(a.at({i, l}) * b.at({l, k}) * b.at({k, j}));
      }
      worst = std::max(worst, std::abs(actual.at({i, j}) - expected) / size);
    }
  return worst;
}

TEST(TileProduct, IsTheProductAndItsSumIsALeftFactor) {
  EXPECT_LE(error_of_products<double>(DType::f64), 1e-15);
  EXPECT_LE(error_of_products<float>(DType::f32), 3e-7);
}

TEST(TileProduct, PartsOfAFactorAreItTo22Bits) {
  for (const double x : {1., 1 / 3., -2 / 3., 3.14159265358979, 1e-20, 65537.}) {
    uint32_t high, low;
    cuda::split(x, high, low);
    float parts[2];
    std::memcpy(&parts[0], &high, 4), std::memcpy(&parts[1], &low, 4);
    EXPECT_LE(std::abs(double{parts[0]} + double{parts[1]} - x), std::abs(x) * std::exp2(-22)) << x;
    EXPECT_EQ(high & 0x1fff, 0u);
    EXPECT_EQ(low & 0x1fff, 0u);
  }
}

TEST(TileProduct, NaNStaysNaN) {
  uint32_t high, low;
  cuda::split(std::numeric_limits<float>::quiet_NaN(), high, low);
  float part;
  std::memcpy(&part, &high, 4);
  EXPECT_TRUE(std::isnan(part));
}

}  // namespace
}  // namespace lw
