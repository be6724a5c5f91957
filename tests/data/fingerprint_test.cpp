// The fingerprint of what is drawn: an option that changes what is trained on, or what chooses the best, changes it.
// Those of files are tested beside their datasets.
#include <gtest/gtest.h>

#include "core/config.h"
#include "data/dataset.h"

namespace lw {
namespace {

struct DataOptions {
  Datasets::Choice kind{datasets()};
  void describe(Fields& f) { f.choice("kind", kind, "which dataset"); }
};

std::string fingerprint(const std::string& config, const std::vector<std::string>& overrides = {},
                        uint64_t seed = 1) {
  DataOptions data;
  Config::parse(config, "data", overrides).read(data);
  return data.kind.build({.root = "", .seed = seed}).fingerprint;
}

struct Drawn {
  const char* options;
  std::vector<std::string> changes;  ///< beside those of `train` and `validation`
};

TEST(Fingerprint, TellsEveryOptionOfWhatIsDrawn) {
  const Drawn table[] = {
      {"kind: adding, length: 20", {"length=21"}},
      {"kind: delay, length: 20, lag: 3", {"length=21", "lag=4", "bandwidth=0.5"}},
      {"kind: digits, size: 8", {"length=30", "size=9", "permute=true", "noise=0.2"}},
      {"kind: induction_heads, length: 20, vocabulary: 8, occurrences: 2",
       {"length=21", "vocabulary=9", "occurrences=3"}},
      {"kind: listops, length: 40, min_length: 10, max_depth: 4, max_args: 4",
       {"length=41", "min_length=11", "max_depth=5", "max_args=5"}},
      {"kind: random_tokens, length: 20, vocabulary: 8", {"length=21", "vocabulary=9"}},
      {"kind: selective_copying, length: 24, tokens: 4, vocabulary: 8",
       {"length=25", "tokens=5", "vocabulary=9"}},
      {"kind: tones, length: 200", {"length=201", "rate=2", "noise=0.7"}},
  };
  for (const Drawn& drawn : table) {
    SCOPED_TRACE(drawn.options);
    const std::string config = str("{", drawn.options, ", train: 9, validation: 5}");
    const std::string known = fingerprint(config);
    EXPECT_EQ(fingerprint(config), known);
    std::vector<std::string> changes = drawn.changes;
    changes.insert(changes.end(), {"train=90", "validation=50"});
    for (const std::string& change : changes)
      EXPECT_FALSE(same_data(known, fingerprint(config, {change}))) << change;
    EXPECT_FALSE(same_data(known, fingerprint(config, {}, /*seed=*/2)));
    // The test split is measured when all is done: more of it is no other run.
    if (config.find("random_tokens") == config.npos) {
      EXPECT_EQ(fingerprint(config, {"test=7"}), known);
    }
  }
}

TEST(Fingerprint, OfAnEarlierVersionKnowsTheFirstWords) {
  const std::string now = "adding seed=1 length=20 train=9 validation=50";
  EXPECT_TRUE(same_data("adding seed=1 length=20 train=9", now));
  EXPECT_TRUE(same_data(now, now));
  EXPECT_FALSE(same_data("adding seed=1 length=20 train=9 validation=5", now));
  EXPECT_FALSE(same_data("adding seed=1 length=20 train=8", now));
  EXPECT_FALSE(same_data("", now));
  EXPECT_FALSE(same_data(now, "adding seed=1 length=20 train=9"));
}

}  // namespace
}  // namespace lw
