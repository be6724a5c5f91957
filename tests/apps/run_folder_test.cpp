// The folder of a run under kills, damage, full disks and mistaken paths: what is mended, what is refused, and with
// which words.
#include "core/fault.h"
#include "tests/apps/program.h"

namespace lw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class RunFolders : public ProgramTest {
 protected:
  /// A run of ten steps, with checkpoints of the steps 3, 4, 6, 8, 9 and 10.
  void make_run(const std::string& name) const {
    complete(train("copying", name, {"train.keep_last=0"}));
  }
  void write(const Path& name, const std::string& text) const { write_file(folder_ / name, text); }
  Ended refused(const std::vector<std::string>& arguments, int code) const {
    const Ended ended = longwave(arguments);
    EXPECT_EQ(ended.code, code) << ended.err;
    return ended;
  }
};

TEST_F(RunFolders, AFinishedRunKeepsEverything) {
  make_run("run");
  EXPECT_THAT(checkpoints("run"), ElementsAre(3, 4, 6, 8, 9, 10));
  for (const char* which : {"auto", "step=10"}) complete({"train", "--resume", which, at("run")});
  EXPECT_THAT(checkpoints("run"), ElementsAre(3, 4, 6, 8, 9, 10));
  const Ended idle = longwave(resume("run", {"train.batch=4", "optim.lr=1"}));
  EXPECT_EQ(idle.code, 0);
  EXPECT_EQ(idle.err,
            at("run") +
                ": this run is finished at step 10; train.steps=N with a larger N goes on\n"
                "  without that, train.batch=4 has no effect\n"
                "  without that, optim.lr=1 has no effect\n");
}

TEST_F(RunFolders, GoingOnFromAStepNamesWhatItRemoves) {
  make_run("run");
  const Ended ended = longwave({"train", "--resume", "step=6", at("run"), "train.steps=7"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  for (const char* step : {"08", "09", "10"})
    EXPECT_THAT(ended.err, HasSubstr(str("warning: removed ", at("run/ckpt/step-000000"), step,
                                         ": the run goes on from step 6, before it\n")));
  EXPECT_THAT(checkpoints("run"), ElementsAre(3, 4, 6, 7));
}

TEST_F(RunFolders, GoingBackPointsBestAtTheBestThatIsLeft) {
  const auto go_back = [&](const std::string& run) {  // to worse steps than those before
    const Ended ended = longwave({"train", "--resume", "step=6", at(run), "train.keep_last=2",
                                  "optim.lr=1", "optim.schedule.kind=constant"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.err;
  };
  make_run("run");
  EXPECT_EQ(fs::read_symlink(folder_ / "run/ckpt/best"), "step-00000010");
  go_back("run");
  EXPECT_EQ(fs::read_symlink(folder_ / "run/ckpt/best"), "step-00000004");
  EXPECT_THAT(checkpoints("run"), ElementsAre(4, 9, 10));

  make_run("other");
  fs::remove_all(folder_ / "other/ckpt/step-00000004");
  EXPECT_THAT(go_back("other"), HasSubstr("warning: removed " + at("other/ckpt/best") +
                                          ": it named a checkpoint that is gone\n"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(folder_ / "other/ckpt/best")));
  EXPECT_THAT(checkpoints("other"), ElementsAre(9, 10));
}

TEST_F(RunFolders, WhatIsChangedInTheMiddleOfTheDataIsTold) {
  const auto told = [&](const std::string& run, const std::string& change) {
    const Ended ended = longwave(resume(run, {"train.steps=13", change}));
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.err;
  };
  for (const char* run : {"batch", "accumulate", "average"}) complete(train("digits", run));
  EXPECT_THAT(
      told("batch", "train.batch=16"),
      HasSubstr("warning: train.batch was 8 and is 16: the place in the data is counted in "
                "steps, so they go on at sample 0 of epoch 5, not at sample 0 of epoch 2\n"));
  for (const Json& line : metrics("batch"))
    if (line["split"] == "train" && line["step"] == 12) {
      EXPECT_EQ(line["epoch"], 5);
    }
  EXPECT_THAT(told("accumulate", "train.accumulate=2"), Not(HasSubstr("warning")));
  EXPECT_THAT(told("average", "optim.ema=0.9"),
              HasSubstr("warning: optim.ema: no averages were kept so far; they start at the "
                        "weights of step 10\n"));
  EXPECT_THAT(longwave(resume("average", {"train.steps=14"})).err, Not(HasSubstr("warning")));
  complete(train("text", "seed"));
  EXPECT_THAT(told("seed", "seed=9"),
              HasSubstr("warning: seed was 3 and is 9: from here on the samples come in another "
                        "order, and dropout is drawn anew\n"));
}

TEST_F(RunFolders, WhatTheOptimizerKeptNothingOfIsRefused) {
  complete(train("copying", "run", {"optim.kind=sgd"}));
  EXPECT_EQ(refused(resume("run", {"optim.momentum=0.9", "train.steps=12"}), 2).err,
            at("run/ckpt/step-00000010") +
                ": error: the optimizer kept no `momentum`, which these options of optim need\n"
                "  --init-from starts a new run from the weights\n");
}

TEST_F(RunFolders, WhatAKillLeftUnfinishedIsRemoved) {
  make_run("run");
  fs::create_directory(folder_ / "run/config.history");
  for (const char* part : {"", "samples", "plots", "config.history"})
    write(Path("run") / part / ".tmp-file-123", "half");
  fs::create_directory(folder_ / "run/ckpt/.tmp-step-00000011");
  complete(resume("run"));
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "run"))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << entry.path();
}

TEST_F(RunFolders, ADamagedRecordIsWrittenAnew) {
  make_run("run");
  complete(resume("run", {"train.steps=11"}));
  write("run/RUN.json", R"({"state":"runn)");
  const Ended ended = longwave(resume("run", {"train.steps=12"}));
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("warning: " + at("run/RUN.json") +
                                   " is damaged, and written anew from what else is known\n"));
  EXPECT_EQ(json_of("run/RUN.json")["restarts"], 2);
  EXPECT_THAT(list_directory(folder_ / "run/config.history"), ElementsAre("1.yaml", "2.yaml"));

  fs::remove_all(folder_ / "run/ckpt");
  write("run/RUN.json", "[]");
  EXPECT_THAT(refused(resume("run"), 3).err,
              HasSubstr(at("run/RUN.json") + ": error: damaged, and without a checkpoint"));
}

TEST_F(RunFolders, ADamagedConfigIsWrittenAnewFromTheCheckpoint) {
  make_run("run");
  write("run/config.resolved.yaml", "name: copying\ndata: {kind: [\n");
  const Ended damaged = longwave(resume("run", {"train.steps=11"}));
  EXPECT_EQ(damaged.code, 0) << damaged.err;
  EXPECT_THAT(damaged.err, HasSubstr("warning: " + at("run/config.resolved.yaml") + ":2:"));
  const std::string remedy = "\n  written anew from the config in the checkpoint\n";
  EXPECT_THAT(damaged.err, HasSubstr(remedy));
  EXPECT_THAT(text_of("run/config.resolved.yaml"), HasSubstr("steps: 11"));

  fs::remove(folder_ / "run/config.resolved.yaml");
  const Ended missing = longwave(resume("run", {"train.steps=12"}));
  EXPECT_EQ(missing.code, 0) << missing.err;
  EXPECT_THAT(missing.err, HasSubstr(remedy));
  EXPECT_THAT(text_of("run/config.resolved.yaml"), HasSubstr("steps: 12"));

  fs::remove_all(folder_ / "run/ckpt");
  write("run/config.resolved.yaml", "name: copying\ndata: {kind: [\n");
  const Ended ended = refused(resume("run"), 2);
  EXPECT_THAT(ended.err, testing::StartsWith(at("run/config.resolved.yaml") + ":2:"));
  EXPECT_THAT(ended.err, HasSubstr("\n  no checkpoint of this run has a copy of its config: mend " +
                                   at("run/config.resolved.yaml") + ", or start a new run\n"));
}

TEST_F(RunFolders, ATornLineOfMetricsCostsNothing) {
  complete(train("copying", "whole", {"train.steps=12"}));
  complete(train("copying", "run", {"train.steps=12"}));
  fs::remove_all(folder_ / "run/ckpt/step-00000012");
  std::string text = text_of("run/metrics.jsonl");
  write("run/metrics.jsonl", text.substr(0, text.size() - 20));
  const Ended ended = longwave(resume("run"));
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err,
              testing::ContainsRegex("metrics.jsonl:[0-9]+: this line is damaged and left out\n"));
  expect_same("whole", "run");
}

TEST_F(RunFolders, RunsBelowAFolderAreListed) {
  fs::create_directories(folder_ / "runs/name");
  for (int i = 0; i < 7; ++i) {
    fs::create_directories(folder_ / str("runs/name/", i, "/ckpt"));
    write(str("runs/name/", i, "/config.resolved.yaml"), "");
    fs::last_write_time(folder_ / str("runs/name/", i, "/ckpt"),
                        fs::file_time_type() + std::chrono::hours(i));
  }
  std::string runs = "\n  there are runs below it; the last saved first:";
  for (const int i : {6, 5, 4, 3, 2}) runs += "\n    " + at(str("runs/name/", i));
  runs += "\n    and 2 more\n";
  for (const char* folder : {"runs", "runs/name"}) {
    for (const char* command : {"eval", "generate"})
      EXPECT_EQ(refused({command, at(folder)}, 3).err,
                at(folder) + ": error: this is no run and no checkpoint" + runs);
    EXPECT_EQ(refused({"ckpt", "ls", at(folder)}, 3).err,
              at(folder) + ": error: this is no run and no checkpoint" + runs);
    EXPECT_EQ(refused({"train", "--resume", "auto", at(folder)}, 3).err,
              at(folder) + ": error: there is no run in this folder to go on with" + runs);
  }
  EXPECT_EQ(refused({"eval", at("runs/name/3")}, 3).err,
            at("runs/name/3") +
                ": error: this run has saved nothing yet\n  longwave train --resume auto " +
                at("runs/name/3") + " goes on with it, if it is not training now\n");
}

TEST_F(RunFolders, ANewRunTakesAnEmptyFolderOnly) {
  fs::create_directory(folder_ / "empty");
  complete(train("copying", "empty"));
  fs::create_directory(folder_ / "other");
  write("other/thesis.tex", "");
  for (const std::string& folder : {at("other"), std::string("/")}) {
    const Ended ended = refused({"train", at("copying.yaml"), "--run-dir", folder}, 2);
    EXPECT_EQ(ended.err,
              folder +
                  ": error: this folder holds other things than a run\n  give a --run-dir "
                  "that is new or empty\n");
  }
  EXPECT_THAT(list_directory(folder_ / "other"), ElementsAre("thesis.tex"));
}

TEST_F(RunFolders, AnyNameOfTheFolderIsKept) {
  for (const auto& [name, id] : {std::pair("run/", "run"), std::pair("r\xe9/", "r\ufffd")}) {
    complete(train("copying", name));
    EXPECT_EQ(json_of(Path(name) / "ckpt/latest/MANIFEST.json")["run_id"], id);
    complete(resume(name, {"train.steps=12"}));
    EXPECT_EQ(json_of(Path(name) / "ckpt/latest/MANIFEST.json")["run_id"], id);
    EXPECT_EQ(longwave({"ckpt", "verify", at(name)}).code, 0);
  }
}

TEST_F(RunFolders, ARunThatNeverBeganIsBegunAgain) {
  for (int64_t k = 1; k <= 14; ++k) {
    const std::string run = str("run", k);
    const Ended full = longwave(train("copying", run), {str("LW_FAULT=full@", k)});
    ASSERT_EQ(full.code, 7) << full.err;
    const bool begun = fs::exists(folder_ / run / "config.resolved.yaml");
    EXPECT_THAT(full.err,
                HasSubstr(begun ? "free space and start it again: longwave train --resume auto "
                                : "name a folder on another disk with --run-dir, or free space"));
    complete(begun ? resume(run) : train("copying", run));
  }
}

TEST_F(RunFolders, AFullDiskNamesTheStepToGoOnFrom) {
  const Ended full = longwave(train("copying", "run"), {"LW_FAULT=full@150"});
  EXPECT_EQ(full.code, 7);
  ASSERT_FALSE(checkpoints("run").empty());
  EXPECT_THAT(full.err, HasSubstr(str("\n  step ", checkpoints("run").back(),
                                      " is saved; free space and go on from there: longwave train "
                                      "--resume auto ",
                                      at("run"), "\n")));
}

TEST_F(RunFolders, WithoutAValidationSplitNothingIsChosen) {
  write("series.yaml",
        "name: series\ndata: {kind: csv, root: ., file: series.csv, targets: [y], length: 6, "
        "horizon: 3, "
        "validation: 0, test: 0.3}\nmodel: {layer: s4d, d_model: 4, n_layers: 1}\noptim: {kind: "
        "adamw}\n"
        "train: {steps: 6, batch: 4, eval_every: 1, checkpoint_every: 2}\n");
  std::string series = "x,y\n";
  for (int i = 0; i < 60; ++i) series += str(i, ",", 100 + i % 5, "\n");
  write("series.csv", series);
  complete(train("series", "run"));
  EXPECT_TRUE(measured("run", "test", 3));
  EXPECT_FALSE(fs::exists(fs::symlink_status(folder_ / "run/ckpt/best")));
  for (const char* key : {"train.patience=3", "optim.schedule.kind=plateau"}) {
    std::string name = key;
    if (name.starts_with("train")) name = "train.patience";
    EXPECT_EQ(refused(train("series", "waits", {key}), 2).err,
              "longwave train: error: " + name +
                  " waits for the validation split, and these data have none\n  data.validation "
                  "holds samples out for one\n");
  }
}

TEST_F(RunFolders, ADeadRunIsToldFromALivingOne) {
  Program run(folder_.path(), train("copying", "run", {"train.steps=100000"}));
  ASSERT_TRUE(run.wait_until([&] { return measured("run", "train", 3); }));
  EXPECT_EQ(json_of("run/RUN.json")["state"], "running");
  EXPECT_TRUE(json_of("run/RUN.json")["pid"].is_number());
  const std::string try_lock = "flock -n '" + at("run/LOCK") + "' true";
  EXPECT_NE(std::system(try_lock.c_str()), 0);
  run.signal(SIGKILL);
  run.wait();
  EXPECT_EQ(json_of("run/RUN.json")["state"], "running");
  EXPECT_EQ(std::system(try_lock.c_str()), 0);
}

}  // namespace
}  // namespace lw
