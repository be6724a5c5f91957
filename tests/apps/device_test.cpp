// Training on a GPU: what it computes is what the CPU computes, and checkpoints move between the two. A build without
// CUDA has the emulator of tests/emulator loaded into the program.
#include <cmath>

#include "core/device_runtime.h"
#include "tests/apps/program.h"

namespace lw {
namespace {

using testing::HasSubstr;

class OnGpu : public ProgramTest {
 protected:
  void SetUp() override {
#ifdef LW_EMULATOR
    environment_ = {std::string("LD_PRELOAD=") + LW_EMULATOR};
#else
    if (device_count(DeviceKind::cuda) == 0) GTEST_SKIP() << "this machine has no GPU";
#endif
  }

  /// Every loss of two runs, within `tolerance`.
  void expect_same_losses(const std::string& a, const std::string& b, double tolerance) const {
    const std::vector<Json> one = metrics(a), other = metrics(b);
    ASSERT_FALSE(one.empty());
    ASSERT_EQ(one.size(), other.size());
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(one[i]["step"], other[i]["step"]);
      EXPECT_NEAR(one[i]["loss"].get<double>(), other[i]["loss"].get<double>(), tolerance);
    }
  }

  std::vector<std::string> environment_;
};

TEST_F(OnGpu, LossesAreThoseOfTheCpu) {
  for (const char* config : {"copying", "digits", "text"}) {
    const std::string cpu = str(config, "_cpu"), gpu = str(config, "_gpu");
    complete(train(config, cpu));
    complete(train(config, gpu, {"device=cuda"}), environment_);
    expect_same_losses(cpu, gpu, 1e-4);
  }
}

TEST_F(OnGpu, ARunMovesBetweenTheDevices) {
  complete(train("copying", "cpu", {"train.steps=4"}));
  complete(resume("cpu", {"train.steps=8"}));
  complete(resume("cpu", {"train.steps=10"}));
  complete(train("copying", "moved", {"device=cuda", "train.steps=4"}), environment_);
  complete(resume("moved", {"device=cpu", "train.steps=8"}));
  complete(resume("moved", {"device=cuda", "train.steps=10"}), environment_);
  expect_same_losses("cpu", "moved", 1e-4);
  EXPECT_THAT(text_of("moved/config.resolved.yaml"), HasSubstr("device: cuda"));
}

TEST_F(OnGpu, DoctorNamesTheDevice) {
  const auto says_none = testing::ContainsRegex("device.cuda +this build has no CUDA\n");
  EXPECT_THAT(longwave({"doctor"}, environment_).out, testing::Not(says_none));
#ifdef LW_EMULATOR
  EXPECT_THAT(longwave({"doctor"}).out, says_none);
#endif
}

TEST_F(OnGpu, TwoRunsHaveTheSameBytes) {
  complete(train("copying", "whole", {"device=cuda"}), environment_);
  complete(train("copying", "again", {"device=cuda"}), environment_);
  expect_same("whole", "again");
}

TEST_F(OnGpu, AGraphEndsInTheBytesOfItsKernels) {
  const auto with = [&](const std::string& wish) {
    std::vector<std::string> all = environment_;
    all.push_back("LW_CUDA_GRAPH=" + wish);
    return all;
  };
  const std::vector<std::string> dropout{"model.dropout=0.2", "optim.clip_norm=0.5",
                                         "optim.schedule.warmup=3", "optim.ema=0.9", "device=cuda"};
  for (const std::string config : {"text", "digits"}) {
    complete(train(config, config + "_graph", dropout), with("1"));
    complete(train(config, config + "_kernels", dropout), with("0"));
    expect_same(config + "_graph", config + "_kernels");
    std::vector<std::string> crashing = with("1");
    crashing.push_back("LW_FAULT=crash@60");
    EXPECT_EQ(longwave(train(config, config + "_parts", dropout), crashing).code, -SIGKILL);
    complete(resume(config + "_parts"), with("1"));
    expect_same(config + "_graph", config + "_parts");
  }
}

TEST_F(OnGpu, WhyThereIsNoGraphIsSaid) {
  const Ended s4 = longwave(
      train("digits", "s4", {"model.layer=s4", "model.l_max=8", "device=cuda"}), environment_);
  EXPECT_EQ(s4.code, 0) << s4.err;
  EXPECT_THAT(s4.err, HasSubstr("the steps are not captured in a CUDA graph: cuda: a copy to the "
                                "host cannot be part of a CUDA graph\n"));
}

TEST_F(OnGpu, DivergenceIsThatOfTheCpuThoughItIsSeenLater) {
  const std::vector<std::string> steep{"optim.lr=1e20", "optim.schedule.kind=constant",
                                       "train.eval_every=100", "train.checkpoint_every=1000",
                                       "train.log_every=1"};
  const auto diverged = [&](const std::string& run, std::vector<std::string> overrides,
                            const std::vector<std::string>& environment) {
    overrides.insert(overrides.end(), steep.begin(), steep.end());
    const Ended ended = longwave(train("digits", run, overrides), environment);
    EXPECT_EQ(ended.code, 4) << ended.err;
    EXPECT_TRUE(checkpoints(run).empty());
    const size_t place = ended.err.find("error: step ");
    EXPECT_NE(place, std::string::npos) << ended.err;
    return ended.err.substr(place, ended.err.find(':', place + 7) - place);  // "error: step 3"
  };
  EXPECT_EQ(diverged("cpu", {}, {}), diverged("gpu", {"device=cuda"}, environment_));
  EXPECT_EQ(metrics("cpu").size(), metrics("gpu").size());
}

TEST_F(OnGpu, TwoRanksEqualOne) {
  complete(train("copying", "one", {"device=cuda"}), environment_);
  std::vector<std::string> two = train("copying", "two", {"device=cuda"});
  two.insert(two.begin() + 1, {"--nproc", "2"});
  complete(two, environment_);
  expect_same_losses("one", "two", 1e-4);
}

TEST_F(OnGpu, GenerateAndEvaluate) {
  complete(train("text", "run", {"device=cuda"}), environment_);
  const std::vector<std::string> write{"generate",     at("run"), "--prompt",      "3 waves",
                                       "--max-tokens", "20",      "--temperature", "0"};
  const Ended gpu = longwave(write, environment_);
  std::vector<std::string> on_cpu = write;
  on_cpu.push_back("device=cpu");
  const Ended cpu = longwave(on_cpu);
  EXPECT_EQ(gpu.code, 0) << gpu.err;
  EXPECT_EQ(cpu.code, 0) << cpu.err;
  EXPECT_EQ(gpu.out, cpu.out);
  const Ended measured = longwave({"eval", at("run"), "--json"}, environment_);
  EXPECT_EQ(measured.code, 0) << measured.err;
  EXPECT_THAT(measured.out, HasSubstr("\"loss\":"));
}

}  // namespace
}  // namespace lw
