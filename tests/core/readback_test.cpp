#include "core/readback.h"

#include <gtest/gtest.h>

#include "core/device_runtime.h"
#include "tests/compare.h"

namespace lw {
namespace {

std::vector<Device> devices() {
  std::vector<Device> all{host};
  if (device_count(DeviceKind::cuda) > 0) all.push_back({DeviceKind::cuda});
  return all;
}

TEST(Readback, HasTheNumbersAsTheyWere) {
  for (const Device device : devices()) {
    const DeviceScope here(device);
    Tensor numbers = Tensor::from({3}, std::vector<double>{1, 2, 3});
    const int64_t before = host_waits();
    const Readback readback(numbers);
    numbers.fill(7);
    EXPECT_EQ(host_waits(), before);
    EXPECT_EQ(std::vector<double>(readback.wait().begin(), readback.wait().end()),
              (std::vector<double>{1, 2, 3}));
  }
}

TEST(Readback, UploadsDoNotWaitAndTakeTheirOwnCopy) {
  for (const Device device : devices()) {
    Tensor source = Tensor::full({1000}, 5, DType::f64, host);
    Tensor target = Tensor::zeros({1000}, DType::f64, device);
    const int64_t before = host_waits();
    target.copy_from(source);
    source.fill(6);
    EXPECT_EQ(host_waits(), before);
    EXPECT_EQ(target.to_vector(), std::vector<double>(1000, 5));
  }
}

TEST(Readback, RefusesOtherNumbers) {
  EXPECT_EQ(testing::error_of([] { Readback(Tensor::zeros({2})); }),
            "Readback: expected contiguous numbers of f64, received f32 [2]");
}

}  // namespace
}  // namespace lw
