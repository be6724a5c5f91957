// Batches and splits none of whose targets counts, of a dataset that a user may have written.
#include <algorithm>

#include "apps/cli.h"
#include "data/dataset.h"
#include "tests/apps/program.h"

namespace lw {
namespace {

/// Four samples of four steps; of the odd ones, and of those of a `blank` split, no target counts.
class Holes final : public Dataset {
 public:
  explicit Holes(bool blank) : blank_(blank) {}
  int64_t size() const override { return 4; }
  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    Batch batch{.inputs = Tensor::full({n, 4}, 1, DType::i64),
                .targets = Tensor::full({n, 4}, ignored_target, DType::i64)};
    for (int64_t i = 0; i < n; ++i)
      if (!blank_ && indices[static_cast<size_t>(i)] % 2 == 0)
        std::fill_n(batch.targets.data<int64_t>() + i * 4, 4, 2);
    return batch;
  }

 private:
  bool blank_;
};

struct HolesOptions {
  bool blank = false;
  void describe(Fields& f) { f.optional("blank", blank, "no target of the validation counts"); }
};

const bool registered = datasets().add<HolesOptions>(
    "holes", +[](const HolesOptions& o, const DataContext&) {
      DataSource source;
      source.task = {.vocabulary = 3, .length = 4, .target = Task::Target::token, .classes = 3};
      source.train = std::make_unique<Holes>(false);
      source.val = std::make_unique<Holes>(o.blank);
      return source;
    });

class UncountedTargets : public ProgramTest {
 protected:
  /// What `longwave train` of these data ends with.
  Ended train_on_holes(const std::string& override) const {
    write_file(folder_ / "holes.yaml",
               "data: {kind: holes}\nmodel: {layer: s4d, d_model: 4, n_layers: 1}\n"
               "train: {steps: 8, batch: 1, log_every: 1, eval_every: 4}\n");
    std::vector<std::string> arguments = train("holes", "run", {override});
    arguments.insert(arguments.begin(), "longwave");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ended ended;
    ended.code = run_cli(static_cast<int>(argv.size()), argv.data());
    ended.out = testing::internal::GetCapturedStdout();
    ended.err = testing::internal::GetCapturedStderr();
    return ended;
  }
};

TEST_F(UncountedTargets, ABatchWithoutOneHasNoLossAndNoGradient) {
  const Ended ended = train_on_holes("data.blank=false");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err, testing::HasSubstr("no target of this batch counts; its loss is 0"));
  int without = 0;
  for (const Json& line : metrics("run")) {
    if (line["split"] == "val") {
      EXPECT_GT(line["loss"], 0);
    } else {
      without += line["loss"] == 0 && line["grad_norm"] == 0;
    }
  }
  EXPECT_EQ(without, 4);  // of eight steps, two epochs
}

TEST_F(UncountedTargets, ASplitWithoutOneCannotBeMeasured) {
  const Ended ended = train_on_holes("data.blank=true");
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.err,
              testing::HasSubstr("longwave train: error: split val: none of the targets "
                                 "of its 4 samples counts: there is nothing to measure\n"));
}

}  // namespace
}  // namespace lw
