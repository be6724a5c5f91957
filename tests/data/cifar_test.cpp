#include "data/cifar.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/files.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

/// Byte `at` of plane `color` of image `i`.
uint8_t byte_of(int64_t i, int64_t color, int64_t at) {
  return static_cast<uint8_t>(7 * i + 31 * color + 3 * at);
}

std::string records(int64_t first, int64_t count) {
  std::string bytes;
  for (int64_t i = first; i < first + count; ++i) {
    bytes += static_cast<char>(i % 10);
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t p = 0; p < 1024; ++p) bytes += static_cast<char>(byte_of(i, c, p));
  }
  return bytes;
}

class CifarFiles : public testing::Test {
 protected:
  CifarFiles() {
    for (int64_t i = 1; i <= 5; ++i)
      write_file(folder_ / str("data_batch_", i, ".bin"), records(2 * (i - 1), 2));
    write_file(folder_ / "test_batch.bin", records(50, 3));
  }
  DataSource open(const CifarOptions& options = {}) const {
    Datasets::Choice choice(datasets());
    choice.choose("cifar");
    choice.as<CifarOptions>() = options;
    return choice.build({.root = folder_.path().string()});
  }
  std::string failure() const {
    const std::string message = error_of(ErrorKind::data, [&] { open(); });
    return message.substr(folder_.path().string().size() + 1);
  }
  TemporaryFolder folder_;
};

TEST_F(CifarFiles, ColoursAreStandardisedPixelByPixel) {
  const DataSource source = open({.grey = false, .validation = 3});
  EXPECT_EQ(source.train->size(), 7);
  EXPECT_EQ(source.val->size(), 3);
  EXPECT_EQ(source.test->size(), 3);
  EXPECT_EQ(source.task.features, 3);
  double mean = 0, square = 0;  // of green, over all ten training images
  for (int64_t i = 0; i < 10; ++i)
    for (int64_t p = 0; p < 1024; ++p) {
      const double x = byte_of(i, 1, p) / 255.0;
      mean += x / 10240, square += x * x / 10240;
    }
  const double deviation = std::sqrt(square - mean * mean);
  const Batch val = source.val->batch(std::array<int64_t, 2>{0, 2}, 0);
  EXPECT_EQ(val.inputs.shape(), (Shape{2, 1024, 3}));
  EXPECT_EQ(val.targets.to_vector(), (std::vector<double>{7, 9}));
  for (const int64_t p : {0, 1, 31, 32, 1023})
    EXPECT_NEAR(val.inputs.at({1, p, 1}), (byte_of(9, 1, p) / 255.0 - mean) / deviation, 1e-5);
}

TEST_F(CifarFiles, GreyIsTheBrightness) {
  const DataSource source = open();
  const Batch all = source.train->batch(std::array<int64_t, 10>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0);
  EXPECT_EQ(all.inputs.shape(), (Shape{10, 1024, 1}));
  double mean = 0, square = 0;
  for (const double x : all.inputs.to_vector()) mean += x / 10240, square += x * x / 10240;
  EXPECT_NEAR(mean, 0, 1e-5);
  EXPECT_NEAR(square, 1, 1e-4);
  const auto brightness = [](int64_t i, int64_t p) {
    return 0.299 * byte_of(i, 0, p) + 0.587 * byte_of(i, 1, p) + 0.114 * byte_of(i, 2, p);
  };
  const auto difference = [&](int64_t i, int64_t p, int64_t q) {
    return all.inputs.at({i, p, 0}) - all.inputs.at({i, q, 0});
  };
  EXPECT_NEAR(difference(4, 5, 900) / difference(3, 100, 1),
              (brightness(4, 5) - brightness(4, 900)) / (brightness(3, 100) - brightness(3, 1)),
              1e-4);
}

TEST_F(CifarFiles, TheFingerprintTellsEveryFileAndOption) {
  const std::string fingerprint = open().fingerprint;
  EXPECT_EQ(open().fingerprint, fingerprint);
  EXPECT_NE(open({.grey = false}).fingerprint, fingerprint);
  EXPECT_NE(open({.validation = 1}).fingerprint, fingerprint);
  write_file(folder_ / "test_batch.bin", records(51, 3));
  const std::string other_test = open().fingerprint;
  EXPECT_NE(other_test, fingerprint);
  write_file(folder_ / "data_batch_5.bin", records(9, 2));
  EXPECT_NE(open().fingerprint, other_test);
}

TEST_F(CifarFiles, BadFilesAreRefused) {
  write_file(folder_ / "data_batch_3.bin", records(0, 1) + "x");
  EXPECT_EQ(failure(),
            "data_batch_3.bin: error: 3074 bytes are no whole number of images of 3073 bytes");
  std::string bytes = records(0, 3);
  bytes[2 * 3073] = 10;
  write_file(folder_ / "data_batch_3.bin", bytes);
  EXPECT_EQ(failure(), "data_batch_3.bin: error: image 2 has the label 10, expected 0 to 9");
  write_file(folder_ / "data_batch_3.bin", "");
  EXPECT_EQ(failure(),
            "data_batch_3.bin: error: 0 bytes are no whole number of images of 3073 bytes");
  remove_tree(folder_ / "data_batch_3.bin");
  EXPECT_EQ(failure(),
            "data_batch_3.bin: error: there is no such file\n  expected those of the binary "
            "version of CIFAR-10: data_batch_1.bin to data_batch_5.bin and test_batch.bin");
}

}  // namespace
}  // namespace lw
