#include "core/digest.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/temporary_folder.h"

namespace lw {
namespace {

TEST(Digest, Sha256AgreesWithThePublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, Xxh3AgreesWithThePublishedVectors) {
  EXPECT_EQ(xxh3("", 0), "99aa06d3014798d86001c324468d497f");
}

TEST(Digest, AFileHasTheDigestOfItsBytes) {
  const TemporaryFolder folder;
  std::string bytes(3'000'001, 'x');  // not a multiple of the block
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i >> 7);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 20, bytes.size()}) {
    const std::string part = bytes.substr(0, size);
    write_file(folder / "x", part);
    const InputFile file(folder / "x");
    EXPECT_EQ(sha256_of_file(file), sha256(part));
    EXPECT_EQ(xxh3_of_file(file, 0, file.bytes()), xxh3(part.data(), file.bytes()));
  }
  const InputFile file(folder / "x");
  EXPECT_EQ(xxh3_of_file(file, 17, 100), xxh3(bytes.data() + 17, 100));
}

TEST(Digest, APitchedTensorHasTheDigestOfItsElements) {
  std::vector<float> values(24);
  std::iota(values.begin(), values.end(), 0.f);
  const Tensor part = Tensor::from({4, 6}, values).slice(1, 1, 4);
  EXPECT_EQ(xxh3(part), xxh3(part.clone()));
  EXPECT_NE(xxh3(part), xxh3(Tensor::from({4, 3}, std::vector<float>(12))));
  EXPECT_EQ(xxh3(Tensor::empty({0})), xxh3("", 0));
}

}  // namespace
}  // namespace lw
