// metrics.jsonl: its lines, how it is cut back, and what a kill or a full disk does to it.
#include "apps/metrics.h"

#include <cmath>

#include "core/fault.h"
#include "tests/apps/program.h"

namespace lw {
namespace {

class MetricsFiles : public testing::Test {
 protected:
  Path path() const { return folder_ / "metrics.jsonl"; }
  TemporaryFolder folder_;
};

TEST(MetricsLine, IsFlatJsonInOrder) {
  const Metrics line{.step = 3, .split = "train", .values = {{"loss", 0.5}, {"epoch", 2}}};
  EXPECT_EQ(line.json(), R"({"step":3,"split":"train","loss":0.5,"epoch":2})");
  EXPECT_EQ(line["loss"], 0.5);
  EXPECT_TRUE(std::isnan(line["accuracy"]));
}

TEST(MetricsLine, WhatIsNotFiniteIsNull) {
  const Metrics line{.step = 1, .split = "val", .values = {{"a", NAN}, {"b", -INFINITY}}};
  EXPECT_EQ(line.json(), R"({"step":1,"split":"val","a":null,"b":null})");
}

TEST_F(MetricsFiles, IsCutBackToAStep) {
  for (const bool evaluated : {false, true}) {
    std::filesystem::remove(path());
    MetricsFile file(path(), 0, true);
    for (const int64_t step : {1, 2, 3})
      for (const char* split : {"train", "val"})
        file.append({.step = step, .split = split, .values = {{"loss", 0.25}}});
    write_file(path(), read_file(path()) + R"({"step":4,"spl)");  // killed in a line
    EXPECT_EQ(read_metrics(path()).size(), 6u);
    const MetricsFile again(path(), 2, evaluated);
    const std::vector<Metrics> lines = read_metrics(path());
    ASSERT_EQ(lines.size(), evaluated ? 4u : 3u);
    EXPECT_EQ(lines.back().step, 2);
    EXPECT_EQ(lines.back().split, evaluated ? "val" : "train");
    EXPECT_EQ(read_file(path()).back(), '\n');
  }
}

TEST_F(MetricsFiles, KeepsItsLinesUntilTheDiskTakesThem) {
  MetricsFile file(path(), 0, true);
  const Metrics line{.step = 1, .split = "train", .values = {{"loss", 1.5}}};
  file.append(line);
  testing::internal::CaptureStderr();
  arm_fault("full@1");
  file.append(line);
  file.append(line);
  error_of(ErrorKind::disk, [&] { file.sync(); });
  arm_fault("");
  const std::string warnings = testing::internal::GetCapturedStderr();
  EXPECT_EQ(warnings, "warning: " + path().string() +
                          ": error: cannot be written: No space left on device\n  kept in memory "
                          "until it can\n");
  EXPECT_EQ(read_metrics(path()).size(), 1u);
  file.sync();
  EXPECT_EQ(read_metrics(path()).size(), 3u);
}

TEST_F(MetricsFiles, ADamagedLineIsLeftOut) {
  const std::string first = R"({"step":1,"split":"train","loss":1.5})",
                    last = R"({"step":2,"split":"val"})";
  write_file(path(), str(first, "\n{\"step\":\n", std::string(9, '\0'), "\n{\"step\":\"x\"}\n",
                         last, "\n", first));
  testing::internal::CaptureStderr();
  const MetricsFile file(path(), 2, true);
  std::string warnings;
  for (const int line : {2, 3, 4, 6})
    warnings +=
        str("warning: ", path().string(), ":", line, ": this line is damaged and left out\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), warnings);
  EXPECT_EQ(read_file(path()), str(first, "\n", last, "\n"));
}

class MetricsOfRuns : public ProgramTest {};

TEST_F(MetricsOfRuns, HaveTheFieldsThatScriptsReadByName) {
  complete(train("text", "run"));
  bool trained = false, validated = false;
  for (const Json& line : metrics("run")) {
    const bool is_train = line["split"] == "train";
    (is_train ? trained : validated) = true;
    for (const char* field :
         is_train ? std::vector<const char*>{"step", "loss", "lr", "grad_norm", "epoch",
                                             "tokens_per_s", "step_ms", "mem_peak_bytes"}
                  : std::vector<const char*>{"step", "loss", "accuracy", "perplexity",
                                             "bits_per_token", "eval_time_s"})
      EXPECT_TRUE(line.contains(field) && line[field].is_number()) << field;
  }
  EXPECT_TRUE(trained && validated);
}

}  // namespace
}  // namespace lw
