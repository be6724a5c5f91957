// A run that was killed and resumed ends in the bytes of one that was not.
#include "apps/run_lookup.h"
#include "tests/apps/program.h"

namespace lw {
namespace {

using testing::HasSubstr;

struct Case {
  const char *name, *config;
  std::vector<std::string> overrides;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Resume : public ProgramTest, public testing::WithParamInterface<Case> {};
class ResumeOnce : public ProgramTest {};

TEST_P(Resume, KilledWhileItWrites) {
  const auto& [name, config, overrides] = GetParam();
  complete(train(config, "whole", overrides));
  int kills = 0;
  for (int64_t k = 31;; k += 22) {
    const Ended ended =
        longwave(train_or_resume(config, "parts", overrides), {str("LW_FAULT=crash@", k)});
    if (ended.code == 0) break;
    ASSERT_EQ(ended.code, -SIGKILL) << ended.err;
    ++kills;
  }
  EXPECT_GE(kills, 4);
  expect_same("whole", "parts");
  EXPECT_EQ(checkpoints("whole").back(), checkpoints("parts").back());
}

INSTANTIATE_TEST_SUITE_P(
    Runs, Resume,
    testing::Values(
        Case{"mamba1", "copying", {"model.dropout=0.1", "train.accumulate=2"}},
        Case{"mamba1_text", "text", {"optim.ema=0.9", "model.dropout=0.1"}},
        Case{"s4d", "digits", {"model.dropout=0.1", "model.drop_path=0.2", "train.accumulate=2"}},
        Case{"s4", "digits", {"model.layer=s4", "model.dropout=0.1", "train.accumulate=2"}},
        Case{"s4d_batch_norm",
             "digits",
             {"model.norm=batch", "model.prenorm=false", "train.accumulate=2"}},
        Case{"s4d_text", "text", {"model.layer=s4d", "data.tokens=bytes", "precision=bf16"}},
        Case{"plateau",
             "digits",
             {"optim.schedule.kind=plateau", "optim.schedule.patience=0", "train.eval_every=1",
              "train.monitor=accuracy"}},
        Case{"sgd", "copying", {"optim.kind=sgd", "optim.momentum=0.9", "train.log_every=4"}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(ResumeOnce, KilledAtAnyTime) {
  const std::vector<std::string> overrides{"train.steps=40", "train.eval_every=7", "train.epochs=9",
                                           "sample.every=11"};
  complete(train("text", "whole", overrides));
  for (int i = 0; i < 12; ++i) {
    Program run(folder_.path(), train_or_resume("text", "parts", overrides));
    std::this_thread::sleep_for(std::chrono::milliseconds(10 + i * i * 37 % 200));
    run.signal(SIGKILL);
    run.wait();
  }
  const Ended last = longwave(train_or_resume("text", "parts", overrides));
  ASSERT_EQ(last.code, 0) << last.err;
  expect_same("whole", "parts");
}

TEST_F(ResumeOnce, SameBitsOnAnyNumberOfThreads) {
  for (const char* config : {"copying", "digits"}) {
    const std::string name = config;
    for (const char* threads : {"1", "2", "3"})
      complete(train(config, name + threads), {str("OMP_NUM_THREADS=", threads)});
    expect_same(name + "1", name + "2");
    expect_same(name + "1", name + "3");
  }
}

TEST_F(ResumeOnce, MoreStepsEqualOneLongRun) {
  const std::vector<std::string> constant{"optim.schedule.kind=constant", "train.eval_every=5",
                                          "train.log_every=5", "sample.every=5"};
  std::vector<std::string> half = constant;
  half.push_back("train.steps=5");
  complete(train("text", "whole", constant));
  complete(train("text", "parts", half));
  const Ended more = longwave(resume("parts", {"train.steps=10"}));
  ASSERT_EQ(more.code, 0) << more.err;
  EXPECT_THAT(more.err, HasSubstr("train.steps: 5 -> 10\n"));
  expect_same("whole", "parts");
}

TEST_F(ResumeOnce, WeightsOfAnotherLengthAreRefused) {
  complete(train("digits", "run", {"model.layer=s4", "model.l_max=24"}));
  const std::vector<std::string> calls[] = {
      resume("run", {"model.l_max=48", "train.steps=20"}),
      {"eval", at("run"), "model.l_max=48"},
      train("digits", "other", {"model.layer=s4", "model.l_max=48", "--init-from", at("run")})};
  for (const std::vector<std::string>& call : calls) {
    const Ended ended = longwave(call);
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.err, HasSubstr("ckpt/step-00000010: error: its weights belong to "
                                     "model.l_max = 24, and would mean something else with 48\n"
                                     "  leave it at 24"));
  }
  complete(train("digits", "other",
                 {"model.layer=s4", "model.l_max=24", "data.length=48", "--init-from", at("run")}));
}

TEST_F(ResumeOnce, TheFolderLeavesNoTrace) {
  complete(train("text", "one"));
  std::filesystem::create_directory(folder_ / "elsewhere");
  for (const char* file : {"text.yaml", "input.txt"})
    std::filesystem::copy(folder_ / file, folder_ / "elsewhere" / file);
  complete(train("elsewhere/text", "elsewhere/two"));
  const CheckpointContent a = load_checkpoint(find_checkpoint(folder_ / "one"));
  const CheckpointContent b = load_checkpoint(find_checkpoint(folder_ / "elsewhere/two"));
  EXPECT_EQ(a.config, b.config);
  for (const auto& [name, tensor] : a.params)
    EXPECT_EQ(std::memcmp(tensor.value.data<float>(), b.params.at(name).value.data<float>(),
                          static_cast<size_t>(tensor.value.bytes())),
              0);
  EXPECT_EQ(text_of("one/ckpt/latest/state.h5"), text_of("elsewhere/two/ckpt/latest/state.h5"));
}

}  // namespace
}  // namespace lw
