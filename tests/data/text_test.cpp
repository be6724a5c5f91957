#include "data/text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>

#include "core/files.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

class TextFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("text_test_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "a/b");
    write_file(folder_ / "input.txt", "0123456789abcdefghijklmnopqrstuvwxyzABCD");
    write_file(folder_ / "a/one.md", "one\n");
    write_file(folder_ / "a/b/two.md", "zwö");
    write_file(folder_ / "a/b/three.txt", "3");
  }
  void TearDown() override { fs::remove_all(folder_); }
  DataSource open(const TextOptions& options) const {
    Datasets::Choice choice(datasets());
    choice.choose("text");
    choice.as<TextOptions>() = options;
    return choice.build({.root = folder_.string(), .seed = 1});
  }
  fs::path folder_;
};

TEST_F(TextFiles, PatternsFindFiles) {
  const std::string root = folder_.string();
  EXPECT_EQ(find_files(root, "**/*.md"), (std::vector<std::string>{"a/b/two.md", "a/one.md"}));
  EXPECT_EQ(find_files(root, "a/*.md"), std::vector<std::string>{"a/one.md"});
  EXPECT_EQ(find_files(root, "a/**/t*.???"), std::vector<std::string>{"a/b/three.txt"});
  EXPECT_EQ(find_files(root, "input.txt"), std::vector<std::string>{"input.txt"});
  EXPECT_TRUE(find_files(root, "*.md").empty());
}

TEST_F(TextFiles, TargetsAreTheInputsOneStepLater) {
  const DataSource source = open({.length = 8, .validation = 0.25});
  ASSERT_TRUE(source.task.autoregressive);
  EXPECT_EQ(source.task.vocabulary, 40);
  for (int64_t index = 0; index < source.train->size(); ++index) {
    for (int64_t epoch = 0; epoch < 20; ++epoch) {
      const Batch batch = source.train->batch(std::array{index}, epoch);
      const std::vector<double> input = batch.inputs.to_vector(),
                                target = batch.targets.to_vector();
      for (int t = 0; t + 1 < 8; ++t) EXPECT_EQ(target[t], input[t + 1]);
      EXPECT_GE(target[7], 0);
    }
  }
}

TEST_F(TextFiles, EveryTargetOfTheValidationSplitCountsOnce) {
  const DataSource source =
      open({.length = 4, .validation = 0.3});  // the last 12 characters: 11 targets
  std::map<double, int> counts;
  for (int64_t index = 0; index < source.val->size(); ++index)
    for (const double target : source.val->batch(std::array{index}, 0).targets.to_vector())
      ++counts[target];
  EXPECT_EQ(counts[ignored_target], 1);
  counts.erase(ignored_target);
  EXPECT_EQ(counts.size(), 11u);
  for (const auto& [target, count] : counts) EXPECT_EQ(count, 1);
}

TEST_F(TextFiles, TheFingerprintTellsTheTextAndItsOptions) {
  const std::string fingerprint = open({.length = 8}).fingerprint;
  EXPECT_EQ(open({.files = {"*.txt"}, .length = 8}).fingerprint, fingerprint);
  for (const TextOptions& other :
       {TextOptions{.files = {"**/*.txt"}, .length = 8},
        TextOptions{.tokens = "bytes", .length = 8}, TextOptions{.length = 9},
        TextOptions{.length = 8, .validation = 0.2}})
    EXPECT_NE(open(other).fingerprint, fingerprint);
}

TEST_F(TextFiles, VocabulariesEncodeDecodeAndSerialize) {
  const auto characters = character_vocabulary("zwölf €\n");
  EXPECT_EQ(characters->size(), 8);
  const std::vector<int64_t> tokens = characters->encode("flöz€");
  EXPECT_EQ(tokens.size(), 5u);
  EXPECT_EQ(characters->decode(tokens), "flöz€");
  EXPECT_EQ(vocabulary_from(characters->serialize())->encode("flöz€"), tokens);
  EXPECT_EQ(vocabulary_from("bytes")->decode(byte_vocabulary()->encode("ö")), "ö");
  EXPECT_THROW(vocabulary_from("words"), Error);
  try {
    characters->encode("zwei");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "text: the character `e` at byte 2 is not among the 8 characters of the training corpus");
  }
}

TEST_F(TextFiles, MissingFilesAndShortCorporaAreRefused) {
  const auto failure = [&](const TextOptions& options) {
    try {
      open(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return std::string(error.what()).substr(folder_.string().size());
    }
    return std::string("no error");
  };
  EXPECT_EQ(failure({.files = {"*.html"}}), ": error: no file matches `*.html` (data.files)");
  EXPECT_EQ(failure({.length = 30}),
            ": error: the training part of the corpus has 36 tokens, too few for windows of "
            "data.length = 30\n  add text, or make data.length or data.validation smaller");
}

}  // namespace
}  // namespace lw
