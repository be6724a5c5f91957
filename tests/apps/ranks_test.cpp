// A run on several ranks is the run of one process: losses, order of samples, checkpoints, resumed on any number.
#include "tests/apps/ranks.h"

namespace lw {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct Case {
  const char *name, *config;
  int ranks;
  std::vector<std::string> overrides;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class RanksEqualOne : public RanksTest, public testing::WithParamInterface<Case> {};

TEST_P(RanksEqualOne, LossesAndWeights) {
  const auto& [name, config, ranks, overrides] = GetParam();
  complete(train(config, "one", overrides));
  complete(on(ranks, train(config, "several", overrides)));
  expect_close_runs("one", "several");
}

INSTANTIATE_TEST_SUITE_P(
    Runs, RanksEqualOne,
    testing::Values(
        Case{"digits_2", "digits", 2, {"model.dropout=0.1", "model.drop_path=0.2"}},
        Case{"digits_2_accumulate", "digits", 2, {"model.dropout=0.1", "train.accumulate=2"}},
        Case{"digits_3_uneven", "digits", 3, {"model.dropout=0.1"}},  // 3 + 3 + 2 of 8
        Case{"copying_3_accumulate", "copying", 3, {"train.accumulate=2", "data.validation=7"}},
        Case{"text_2", "text", 2, {"model.dropout=0.1", "optim.ema=0.9"}},
        Case{"text_3_recompute", "text", 3, {"model.n_layers=2", "model.recompute=block"}}),
    [](const auto& info) { return std::string(info.param.name); });

class Ranks : public RanksTest {};

TEST_F(Ranks, TheSameNumberGivesTheSameBits) {
  const std::vector<std::string> overrides{"model.norm=batch", "model.prenorm=false",
                                           "train.accumulate=2"};
  complete(on(2, train("digits", "one", overrides)));
  complete(on(2, train("digits", "two", overrides)), {"OMP_NUM_THREADS=1"});
  expect_same("one", "two");
}

TEST_F(Ranks, ResumeOnAnotherNumber) {
  const std::vector<std::string> overrides{"train.steps=12", "optim.schedule.kind=constant",
                                           "model.dropout=0.1", "train.eval_every=4",
                                           "train.log_every=2"};
  complete(train("digits", "whole", overrides));
  std::vector<std::string> first = overrides;
  first[0] = "train.steps=4";
  complete(on(2, train("digits", "parts", first)));
  complete(on(3, resume("parts", {"train.steps=8"})));
  complete(resume("parts", {"train.steps=12"}));
  expect_close_runs("whole", "parts");
}

TEST_F(Ranks, ASignalStopsAllAtOneStep) {
  const std::vector<std::string> overrides{"train.steps=400", "train.log_every=1",
                                           "train.eval_every=0", "train.checkpoint_every=0"};
  complete(on(2, train("copying", "whole", overrides)));
  Program run(folder_.path(), on(2, train("copying", "parts", overrides)));
  ASSERT_TRUE(run.wait_until([&] { return measured("parts", "train", 5); }));
  run.signal(SIGTERM);
  const Ended ended = run.wait();
  ASSERT_EQ(ended.code, 75) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("go on with: longwave train --resume auto " + at("parts")));
  EXPECT_EQ(json_of("parts/RUN.json")["state"], "preempted");
  EXPECT_EQ(checkpoints("parts").size(), 1u);
  complete(on(2, resume("parts")));
  expect_same("whole", "parts");
}

TEST_F(Ranks, NprocDividesTheThreads) { expect_divided_threads({}, "OMPI_COMM_WORLD_RANK"); }

TEST_F(Ranks, RankZeroAloneSpeaks) {
  const Ended ended =
      Program(folder_.path(), mpirun(2, train("copying", "run", {"optim.schedule.warmup=99"})), {},
              {}, "mpirun")
          .wait();
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, at("run") + "\n");
  const size_t warning = ended.err.find("warning: ");
  ASSERT_NE(warning, ended.err.npos) << ended.err;
  EXPECT_EQ(ended.err.find("warning: ", warning + 1), ended.err.npos) << ended.err;
}

TEST_F(Ranks, TooManyAreRefusedOnceAndBeforeAnyFolder) {
  const Ended ended = longwave(on(5, train("copying", "run", {"train.accumulate=2"})));
  EXPECT_EQ(ended.code, 2);
  const std::string text =
      "longwave train: error: train.batch is 8 in 2 part(s): too few sequences for 5 ranks\n";
  const size_t found = ended.err.find(text);
  ASSERT_NE(found, ended.err.npos) << ended.err;
  EXPECT_EQ(ended.err.find("error: train.batch", found + text.size()), ended.err.npos) << ended.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(Ranks, OtherCommandsAndLaunchersAreRefused) {
  const std::vector<std::string> second{"OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=2"};
  std::vector<std::string> first = second;
  first[0] = "OMPI_COMM_WORLD_RANK=0";
  const Ended told = longwave({"doctor"}, first), silent = longwave({"doctor"}, second);
  EXPECT_EQ(told.code, 2);
  EXPECT_EQ(told.err,
            "longwave doctor: error: mpirun started 2 processes, and of the commands train alone "
            "works on several\n  run longwave doctor by itself\n");
  EXPECT_EQ(silent.code, 2);
  EXPECT_EQ(silent.err, "");
  const Ended torchrun =
      longwave(train("copying", "run"), {"RANK=0", "WORLD_SIZE=4", "LOCAL_RANK=0"});
  EXPECT_EQ(torchrun.code, 2);
  EXPECT_EQ(torchrun.err,
            "longwave train: error: torchrun started 4 ranks, and MASTER_ADDR is not set\n  set "
            "MASTER_ADDR to the machine of rank 0 and MASTER_PORT to a free port of it\n");
}

}  // namespace
}  // namespace lw
