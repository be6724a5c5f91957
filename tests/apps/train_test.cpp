// What a training run promises: refusals, checkpoints to go on from, divergence, a full disk, early stopping.
#include <cmath>

#include "core/fault.h"
#include "tests/apps/program.h"

namespace lw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class Train : public ProgramTest {
 protected:
  void damage(const Path& name) const {
    std::string bytes = text_of(name);
    bytes[bytes.size() / 2] ^= 1;
    write_file(folder_ / name, bytes);
  }
  void expect_all_finite(const std::string& run) const {
    for (const CheckpointEntry& entry : list_checkpoints(folder_ / run)) {
      const CheckpointContent content = load_checkpoint(entry.path);
      for (const auto& [name, tensor] : content.params)
        for (int64_t i = 0; i < tensor.value.numel(); ++i)
          ASSERT_TRUE(std::isfinite(tensor.value.data<float>()[i])) << entry.path << ' ' << name;
    }
  }
};

TEST_F(Train, AFinishedRunSaysSo) {
  complete(train("copying", "run"));
  const std::string before = text_of("run/metrics.jsonl"), record = text_of("run/RUN.json");
  const Ended again = longwave(resume("run"));
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.out, at("run") + "\n");
  EXPECT_EQ(
      again.err,
      at("run") + ": this run is finished at step 10; train.steps=N with a larger N goes on\n");
  EXPECT_EQ(text_of("run/metrics.jsonl"), before);
  EXPECT_EQ(text_of("run/RUN.json"), record);
  EXPECT_EQ(json_of("run/RUN.json")["state"], "done");
}

TEST_F(Train, GoesOnFromAnyCheckpoint) {
  complete(train("copying", "whole"));
  complete(train("copying", "run", {"train.keep_last=9"}));
  EXPECT_THAT(checkpoints("run"), ElementsAre(3, 4, 6, 8, 9, 10));
  complete({"train", "--resume", at("run/ckpt/step-00000004/"), at("run")});
  EXPECT_EQ(reproducible_metrics("run"), reproducible_metrics("whole"));
  complete({"train", "--resume", "step=6", at("run"), "train.keep_last=2"});
  expect_same("whole", "run");
  const Ended other = longwave({"train", "--resume", at("whole"), at("run")});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("error: this is no checkpoint of the run " + at("run")));
}

TEST_F(Train, ADamagedCheckpointIsLeftAside) {
  complete(train("copying", "whole"));
  complete(train("copying", "run"));
  damage("run/ckpt/step-00000010/model.h5");
  const Ended ended = longwave(resume("run"));
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.err, HasSubstr("warning: " + at("run/ckpt/step-00000010") +
                                   " is damaged and left aside: model.h5: "));
  EXPECT_THAT(ended.err, HasSubstr("going on from " + at("run/ckpt/step-00000009") + "\n"));
  expect_same("whole", "run");
}

TEST_F(Train, AProfileSaysWhereTheTimeWent) {
  std::vector<std::string> arguments = train("text", "run");
  arguments.emplace_back("--profile");
  const Ended ended = longwave(arguments);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("where the time of a step goes, mean of 10 steps:\nop "));
  for (const char* row : {"\nselective_scan ", "\ndata ", "\nupdate ", "\nstep "})
    EXPECT_THAT(ended.err, HasSubstr(row));
  complete(train("text", "plain"));
  expect_same("plain", "run");
}

TEST_F(Train, WithoutACheckpointItStartsFromItsConfig) {
  complete(train("text", "whole"));
  complete(train("text", "run"));
  fs::remove_all(folder_ / "run/ckpt");
  const Ended ended = longwave(resume("run"));
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("run has no checkpoint yet: starting from its config\n"));
  expect_same("whole", "run");
}

TEST_F(Train, StartsFromTheWeightsOfAnother) {
  complete(train("copying", "first"));
  std::vector<std::string> second = train("copying", "second", {"train.steps=20", "seed=7"});
  second.insert(second.end(), {"--init-from", at("first")});
  complete(second);
  EXPECT_LT(metrics("second")[0]["loss"], metrics("first")[0]["loss"]);

  for (const int k : {45, 90, 200}) {
    second[3] = at(str("killed", k));
    EXPECT_EQ(longwave(second, {str("LW_FAULT=crash@", k)}).code, -SIGKILL);
    complete(resume(str("killed", k)));
    expect_same("second", str("killed", k));
  }

  std::vector<std::string> larger = train("copying", "larger", {"model.d_model=16"});
  larger.insert(larger.end(), {"--init-from", at("first")});
  EXPECT_EQ(longwave(larger).code, 3);
  EXPECT_FALSE(fs::exists(folder_ / "larger"));
}

TEST_F(Train, StartsFromTheAveragedWeightsOfAnother) {
  complete(train("digits", "first", {"optim.ema=0.9"}));
  for (const char* ema : {"optim.ema=0", "optim.ema=0.9"}) {
    const std::string run = str("second", ema);
    std::vector<std::string> second = train("digits", run, {"optim.lr=0", "train.steps=1", ema});
    second.insert(second.end(), {"--init-from", at("first")});
    complete(second);
    const auto loss = [&](const std::string& of, const std::vector<std::string>& more = {}) {
      std::vector<std::string> eval{"eval", at(of), "--json"};
      eval.insert(eval.end(), more.begin(), more.end());
      return parse_json(longwave(eval).out, "stdout")["loss"];
    };
    EXPECT_EQ(loss(run), loss("first"));
    EXPECT_NE(loss(run), loss("first", {"optim.ema=0"}));  // the last weights
  }
}

TEST_F(Train, ARelativeRootIsThatOfTheFileOrOfTheWorkingFolder) {
  fs::create_directories(folder_ / "configs/deep");
  write_file(folder_ / "configs/deep/text.yaml", "extends: ../../text.yaml\n");
  complete(train("configs/deep/text", "of_the_file"));  // root: . of text.yaml
  fs::create_directory(folder_ / "corpus");
  fs::rename(folder_ / "input.txt", folder_ / "corpus/input.txt");
  const Path here = fs::current_path();
  fs::current_path(folder_.path());
  complete(train("configs/deep/text", "of_the_call", {"data.root=corpus", "train.steps=4"}));
  fs::current_path("/");
  complete(resume("of_the_call", {"train.steps=6"}));
  EXPECT_EQ(longwave({"eval", at("of_the_call")}).code, 0);
  EXPECT_EQ(longwave({"eval", at("of_the_file")}).code, 3);
  fs::current_path(here);
}

TEST_F(Train, ARefusalLeavesNoFolder) {
  for (const char* bad : {"train.batch=1000", "model.d_modle=4", "train.accumulate=3"})
    EXPECT_EQ(longwave(train("copying", "run", {bad})).code, 2) << bad;
  EXPECT_EQ(longwave(train("text", "run", {"data.files=[none.txt]"})).code, 3);
  EXPECT_EQ(longwave(train("text", "run", {"sample.prompt=\"\\e\""})).code, 2);
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(Train, AFolderThatHoldsARunIsRefused) {
  complete(train("copying", "run"));
  const std::string before = text_of("run/metrics.jsonl");
  const Ended again = longwave(train("copying", "run"));
  EXPECT_EQ(again.code, 2);
  EXPECT_EQ(again.err, at("run") +
                           ": error: this folder holds a run already\n  give another --run-dir, or "
                           "go on with it: longwave train --resume auto " +
                           at("run") + "\n");
  EXPECT_EQ(text_of("run/metrics.jsonl"), before);
}

TEST_F(Train, ASecondProcessIsRefused) {
  fs::create_directory(folder_ / "other");
  Program first(folder_ / "other", train("copying", "run", {"train.steps=100000"}));
  ASSERT_TRUE(first.wait_until([&] { return measured("run", "train", 3); }));
  const Ended second = longwave(resume("run"));
  EXPECT_EQ(second.code, 2);
  EXPECT_EQ(second.err,
            at("run/LOCK") + ": error: another process is using the run " + at("run") + "\n");
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait().code, 75);
}

TEST_F(Train, DivergenceIsSaidAndNeverSaved) {
  for (const char* lr : {"1e20", "1e39"}) {
    const std::string run = str("lr", lr);
    const Ended ended = longwave(
        train("digits", run,
              {str("optim.lr=", lr), "optim.schedule.kind=constant", "train.checkpoint_every=1"}));
    EXPECT_EQ(ended.code, 4) << ended.err;
    EXPECT_THAT(ended.err, testing::ContainsRegex("error: step [1-9]"));
    EXPECT_THAT(ended.err, Not(HasSubstr("-nan")));
    EXPECT_EQ(json_of(run + "/RUN.json")["state"], "failed");
    expect_all_finite(run);
  }
}

TEST_F(Train, OneWriteThatFailsCostsNothing) {
  complete(train("text", "whole", {"train.eval_every=10"}));
  int warned = 0;
  for (int64_t k = 30; k <= 150; k += 17) {
    const std::string run = str("run", k);
    const Ended ended =
        longwave(train("text", run, {"train.eval_every=10"}), {str("LW_FAULT=enospc@", k)});
    ASSERT_EQ(ended.code, 0) << k << ended.err;
    warned += ended.err.find("warning: ") != std::string::npos;
    const std::vector<std::string> wanted = list_directory(folder_ / "whole/ckpt/latest/");
    EXPECT_EQ(list_directory(folder_ / run / "ckpt/latest/"), wanted);
    EXPECT_EQ(text_of(run + "/ckpt/latest/model.h5"), text_of("whole/ckpt/latest/model.h5"));
    EXPECT_EQ(reproducible_metrics(run), reproducible_metrics("whole"));
  }
  EXPECT_GE(warned, 4);
}

TEST_F(Train, AFullDiskEndsWithSevenAndTheRunGoesOnLater) {
  complete(train("text", "whole"));
  const Ended full = longwave(train("text", "run"), {"LW_FAULT=full@100"});
  EXPECT_EQ(full.code, 7) << full.err;
  EXPECT_THAT(full.err, HasSubstr("was not saved; training goes on\n"));
  EXPECT_THAT(full.err, HasSubstr("No space left on device"));
  complete(resume("run"));
  expect_same("whole", "run");
}

TEST_F(Train, ARunWhoseFolderIsRemovedSaysWhatIsMissing) {
  Program run(folder_.path(), train("copying", "run", {"train.steps=100000"}));
  ASSERT_TRUE(run.wait_until([&] { return measured("run", "train", 3); }));
  while (fs::exists(folder_ / "run")) {
    std::error_code written_meanwhile;
    fs::remove_all(folder_ / "run", written_meanwhile);
  }
  run.signal(SIGTERM);
  const Ended ended = run.wait();
  // Which file of it is wanted first depends on the moment. If it is the checkpoint that the signal
  // asks for, that makes the folder anew, and nothing is lost.
  if (ended.code == 75) {
    EXPECT_EQ(checkpoints("run").size(), 1u);
    return;
  }
  EXPECT_EQ(ended.code, 7);
  EXPECT_THAT(ended.err, HasSubstr((folder_ / "run").string() + "/"));
  EXPECT_THAT(ended.err, HasSubstr(": error: cannot "));
  EXPECT_THAT(ended.err, HasSubstr(": No such file or directory"));
}

TEST_F(Train, StopsEarlyAndGoesOnIfAsked) {
  const std::vector<std::string> overrides{"optim.lr=1e-12", "train.monitor=accuracy",
                                           "train.patience=2", "train.eval_every=1"};
  complete(train("digits", "run", overrides));
  EXPECT_EQ(checkpoints("run").back(), 3);
  const std::string record = text_of("run/RUN.json");
  EXPECT_EQ(json_of("run/RUN.json")["reason"], "no improvement in 2 evaluations");
  EXPECT_THAT(longwave(resume("run")).err,
              HasSubstr("finished at step 3: it no longer improved; train.patience=0 goes on\n"));
  EXPECT_EQ(text_of("run/RUN.json"), record);
  fs::remove(folder_ / "run/RUN.json");
  complete(resume("run"));
  EXPECT_EQ(json_of("run/RUN.json")["reason"], "no improvement in 2 evaluations");
  complete(resume("run", {"train.patience=0"}));
  EXPECT_EQ(checkpoints("run").back(), 10);
}

TEST_F(Train, KeepsTheLastAndTheBest) {
  complete(train("copying", "run", {"train.steps=30", "train.eval_every=2", "optim.lr=0.3"}));
  int64_t best = 0;
  double lowest = INFINITY;
  for (const Json& line : metrics("run"))
    if (line["split"] == "val" && line["loss"] < lowest) lowest = line["loss"], best = line["step"];
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(best));
  EXPECT_EQ(fs::read_symlink(folder_ / "run/ckpt/best"), name);
  EXPECT_EQ(fs::read_symlink(folder_ / "run/ckpt/latest"), "step-00000030");
  EXPECT_LE(checkpoints("run").size(), 3u);
  EXPECT_EQ(longwave({"ckpt", "verify", at("run")}).code, 0);
}

TEST_F(Train, ACheckpointTellsRatesAndDecays) {
  complete(train("digits", "run",
                 {"train.steps=1", "optim.betas=[0.8, 0.95]", "optim.roles.ssm_a.lr=0.5"}));
  const CheckpointContent content = load_checkpoint(list_checkpoints(folder_ / "run").back().path);
  std::map<std::string, Attributes> groups;
  for (const Attributes& group : content.optimizer.groups)
    groups[std::get<std::string>(group.at("role"))] = group;
  Attributes expected{{"role", std::string("matrix")},
                      {"lr", 0.01},
                      {"weight_decay", 0.01},
                      {"beta1", 0.8},
                      {"beta2", 0.95},
                      {"eps", 1e-8}};
  EXPECT_EQ(groups.at("matrix"), expected);
  expected["role"] = std::string("ssm_a"), expected["lr"] = 0.5, expected["weight_decay"] = 0.0;
  EXPECT_EQ(groups.at("ssm_a"), expected);
  EXPECT_THAT(longwave({"ckpt", "inspect", at("run")}).out, HasSubstr(".weight_decay "));
}

TEST_F(Train, WhatIsOverriddenOnResumeIsRecorded) {
  complete(train("copying", "run", {"train.steps=5"}));
  const std::string before = text_of("run/config.resolved.yaml");
  {
    Program changed(folder_.path(), resume("run", {"train.steps=60", "optim.lr=0.005"}));
    ASSERT_TRUE(changed.wait_until([&] { return measured("run", "train", 6); }));
  }  // killed
  EXPECT_EQ(text_of("run/config.history/1.yaml"), before);
  EXPECT_THAT(text_of("run/config.resolved.yaml"), HasSubstr("lr: 0.005"));
  const Ended ended = longwave(resume("run"));  // of its own accord
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.err, Not(HasSubstr("->")));
  EXPECT_EQ(checkpoints("run").back(), 60);
  EXPECT_EQ(json_of("run/RUN.json")["restarts"], 2);
}

TEST_F(Train, OtherDataAreRefused) {
  complete(train("text", "run", {"train.steps=5"}));
  write_file(folder_ / "input.txt", text_of("input.txt") + "and one line more\n");
  const Ended ended = longwave(resume("run", {"train.steps=10"}));
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.err,
              HasSubstr("error: the data are not those that the run was started with\n"));
}

TEST_F(Train, AVocabularyThatNoAttributeCanHoldIsKept) {
  std::string corpus("\0\n", 2);
  for (int c = 0x4e00; c < 0x4e00 + 20500; ++c)  // three bytes of UTF-8 each
    corpus += {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3f)),
               static_cast<char>(0x80 | (c & 0x3f))};
  write_file(folder_ / "input.txt", corpus);
  complete(train("text", "run", {"train.steps=2"}));
  complete(resume("run", {"train.steps=3"}));
  for (const char* command : {"eval", "generate"}) {
    const Ended ended = longwave({command, at("run")});
    EXPECT_EQ(ended.code, 0) << ended.err;
  }
}

TEST_F(Train, WritesPlainLinesToAFile) {
  const Ended ended = longwave(train("copying", "run"), {"NO_COLOR=1"});
  EXPECT_EQ(ended.out, at("run") + "\n");
  EXPECT_THAT(ended.err, Not(HasSubstr("\r")));
  EXPECT_THAT(ended.err, Not(HasSubstr("\033")));
  EXPECT_THAT(ended.err, HasSubstr("step 1/10 10% | loss "));
  EXPECT_THAT(ended.err, HasSubstr("step 10/10 100% | loss "));
  EXPECT_THAT(ended.err, HasSubstr("step 8: val loss "));
}

TEST_F(Train, ClosedStreamsDoNoHarm) {
  complete(train("copying", "whole"));
  for (const auto& closed : {std::vector<int>{1}, {2}, {0, 1, 2}}) {
    const std::string run = str("run", closed.size(), closed[0]);
    Program program(folder_.path(), train("copying", run), {}, closed);
    EXPECT_EQ(program.wait().code, 0);
    expect_same("whole", run);
    EXPECT_EQ(text_of(run + "/LOCK"), "");
  }
}

TEST_F(Train, HelpAndVersion) {
  EXPECT_EQ(longwave({"version"}).out, "longwave 0.1.0\n");
  EXPECT_EQ(longwave({"version", "--json"}).out, "{\"name\":\"longwave\",\"version\":\"0.1.0\"}\n");
  const Ended help = longwave({"help", "train"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("Usage: longwave train "));
  EXPECT_THAT(help.out, HasSubstr("--resume"));
  EXPECT_EQ(help.out, longwave({"train", "--help"}).out);
  EXPECT_EQ(longwave({"help", "trian"}).code, 2);
}

}  // namespace
}  // namespace lw
