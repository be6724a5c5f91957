// How long a run is: train.steps or train.epochs, whichever is given later.
#include "tests/apps/program.h"

namespace lw {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

class RunLength : public ProgramTest {
 protected:
  /// The steps at which a run was evaluated.
  std::vector<int64_t> evaluations(const std::string& run) const {
    std::vector<int64_t> steps;
    for (const Json& line : metrics(run))
      if (line["split"] == "val") steps.push_back(line["step"]);
    return steps;
  }
};

TEST_F(RunLength, EpochsOfTheCommandLineReplaceStepsOfTheFile) {
  complete(train("digits", "run", {"train.epochs=1", "train.eval_every=0"}));
  EXPECT_EQ(checkpoints("run").back(), 5);
  EXPECT_THAT(text_of("run/config.resolved.yaml"),
              testing::AllOf(ContainsRegex("steps: null +# override\n"),
                             ContainsRegex("epochs: 1 +# override\n")));
  const Ended longer = longwave(resume("run", {"train.epochs=2"}));
  EXPECT_EQ(longer.code, 0) << longer.err;
  EXPECT_EQ(checkpoints("run").back(), 10);
  complete(resume("run", {"train.steps=12"}));
  EXPECT_EQ(checkpoints("run").back(), 12);
  EXPECT_EQ(evaluations("run"), (std::vector<int64_t>{5, 10, 12}));
}

TEST_F(RunLength, EpochsOfAFileReplaceStepsOfTheOneItExtends) {
  write_file(folder_ / "epochs.yaml", "extends: digits.yaml\ntrain: {epochs: 3, eval_every: 0}\n");
  complete(train("epochs", "file"));
  EXPECT_EQ(evaluations("file"), (std::vector<int64_t>{5, 10, 15}));
  complete(train("epochs", "call", {"train.steps=7"}));  // not a run of epochs any more
  EXPECT_EQ(evaluations("call"), (std::vector<int64_t>{7}));
  complete(train("digits", "both", {"train.epochs=3", "train.steps=2"}));
  EXPECT_EQ(checkpoints("both").back(), 2);
}

TEST_F(RunLength, AFinishedRunOfEpochsNamesThem) {
  complete(train("digits", "run", {"train.epochs=1"}));
  EXPECT_THAT(longwave(resume("run")).err, HasSubstr("; train.epochs=N with a larger N goes on\n"));
}

}  // namespace
}  // namespace lw
