#include "data/mnist.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <set>

#include "core/files.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

std::string header(int rank, const std::vector<int64_t>& sizes) {
  std::string bytes{0, 0, 8, static_cast<char>(rank)};
  for (const int64_t size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift);
  return bytes;
}

std::string counting(size_t n) {
  std::string bytes;
  for (size_t i = 0; i < n; ++i) bytes += static_cast<char>(i % 251);
  return bytes;
}

/// A folder with four tiny idx files: 3 training and 2 test images of 2 x 3 pixels.
class MnistFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("mnist_test_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write("train-images-idx3-ubyte", header(3, {3, 2, 3}) + counting(18));
    write("train-labels-idx1-ubyte", header(1, {3}) + std::string{2, 0, 1});
    write("t10k-images-idx3-ubyte", header(3, {2, 2, 3}) + counting(12));
    write("t10k-labels-idx1-ubyte", header(1, {2}) + std::string{1, 4});
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& bytes) {
    write_file(folder_ / name, bytes);
  }
  void write_gz(const std::string& name, const std::string& bytes) {
    gzFile file = gzopen((folder_ / name).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
  }
  DataSource open(const MnistOptions& options = {}) const {
    Datasets::Choice choice(datasets());
    choice.choose("mnist");
    choice.as<MnistOptions>() = options;
    return choice.build({.root = folder_.string()});
  }
  /// The message with which opening fails, without the folder.
  std::string failure(const MnistOptions& options = {}) const {
    try {
      open(options);
    } catch (const Error& error) {
      std::string text = error.what();
      for (size_t at; (at = text.find(folder_.string() + "/")) != std::string::npos;)
        text.erase(at, folder_.string().size() + 1);
      return text;
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(MnistFiles, SizesAndClassesComeFromTheFiles) {
  const DataSource source = open();
  EXPECT_EQ(source.task.length, 6);
  EXPECT_EQ(source.task.classes, 5);
  EXPECT_EQ(source.train->size(), 3);
  EXPECT_EQ(source.val, nullptr);
  const Batch batch = source.test->batch(std::array<int64_t, 2>{1, 0}, 0);
  EXPECT_EQ(batch.targets.to_vector(), (std::vector<double>{4, 1}));
  EXPECT_EQ(batch.inputs.shape(), (Shape{2, 6, 1}));
  EXPECT_LT(batch.inputs.at({1, 0, 0}), batch.inputs.at({1, 5, 0}));
}

TEST_F(MnistFiles, CompressedFilesReadTheSame) {
  const std::vector<double> plain =
      open().train->batch(std::array<int64_t, 1>{2}, 0).inputs.to_vector();
  write_gz("train-images-idx3-ubyte.gz", header(3, {3, 2, 3}) + counting(18));
  fs::remove(folder_ / "train-images-idx3-ubyte");
  EXPECT_EQ(open().train->batch(std::array<int64_t, 1>{2}, 0).inputs.to_vector(), plain);
}

TEST_F(MnistFiles, ValidationIsTheTailOfTheTrainingFiles) {
  const DataSource source = open({.validation = 1});
  EXPECT_EQ(source.train->size(), 2);
  EXPECT_EQ(source.val->batch(std::array<int64_t, 1>{0}, 0).targets.item(), 1);
  EXPECT_EQ(failure({.validation = 3}),
            "data.validation is 3, but there are only 3 training images");
}

TEST_F(MnistFiles, TheFingerprintTellsEveryFileAndOption) {
  std::set<std::string> seen{open().fingerprint};
  EXPECT_EQ(open({.length = 6}).fingerprint, *seen.begin());  // all pixels, as without it
  const auto expect_other = [&](const std::string& fingerprint, const std::string& what) {
    EXPECT_TRUE(seen.insert(fingerprint).second) << what;
  };
  expect_other(open({.length = 5}).fingerprint, "length");
  expect_other(open({.permute = true}).fingerprint, "permute");
  expect_other(open({.permute = true, .permutation_seed = 1}).fingerprint, "permutation_seed");
  expect_other(open({.validation = 1}).fingerprint, "validation");
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    std::string bytes = read_file(folder_ / name);
    bytes.back() ^= 1;
    write(name, bytes);
    expect_other(open().fingerprint, name);
  }
}

TEST_F(MnistFiles, DamagedFilesAreRefused) {
  const std::string images = header(3, {3, 2, 3}) + counting(18), name = "train-images-idx3-ubyte";
  write(name, images.substr(0, 33));
  EXPECT_EQ(failure(), name + ": error: the header declares 18 bytes, the file holds 17");
  write(name, images + "x");
  EXPECT_EQ(failure(), name + ": error: the header declares 18 bytes, the file holds more");
  write(name, images.substr(0, 9));
  EXPECT_EQ(failure(), name + ": error: the file ends inside its header");
  write(name, header(1, {3, 2, 3}) + counting(18));
  EXPECT_EQ(failure(), name + ": error: expected the idx magic number 2051, found 2049");
  write(name, header(3, {3, 0, 3}));
  EXPECT_EQ(failure(),
            name + ": error: the header declares an axis of size 0, which makes no sense");
  write(name, header(3, {0xffffffff, 0xffffffff, 0xffffffff}));
  EXPECT_EQ(failure(),
            name + ": error: the header declares an axis of size 4294967295, which makes no sense");
  write(name, header(3, {4, 2, 3}) + counting(24));
  EXPECT_EQ(failure(),
            "train-labels-idx1-ubyte: error: there are 3 labels for the 4 images of " + name);
  write(name, header(3, {3, 3, 2}) + counting(18));
  EXPECT_EQ(failure().substr(failure().find("error")),
            "error: training images are 3 x 2, test images 2 x 3");
  fs::remove(folder_ / name);
  EXPECT_EQ(failure(), name +
                           ": error: there is no such file, with or without .gz; `longwave data "
                           "fetch mnist` gets it");
  write_gz(name + ".gz", images);
  std::string damaged = read_file(folder_ / (name + ".gz"));
  damaged[damaged.size() / 2] ^= 0x55;
  write(name + ".gz", damaged);
  EXPECT_TRUE(failure().starts_with(name + ".gz: error: ")) << failure();
}

TEST(Mnist, AMissingFolderSaysHowToGetTheFiles) {
  Datasets::Choice choice(datasets());
  choice.choose("mnist");
  try {
    choice.build({.root = "/nowhere/at/all"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_STREQ(error.what(),
                 "data.root: there is no folder /nowhere/at/all\n  `longwave data fetch mnist` "
                 "gets the files; or set data.root=DIR");
  }
}

}  // namespace
}  // namespace lw
