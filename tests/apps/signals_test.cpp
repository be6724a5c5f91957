// The first signal saves and leaves, wherever it comes; the second leaves at once.
#include "tests/apps/program.h"

namespace lw {
namespace {

using testing::HasSubstr;

class Signals : public ProgramTest {
 protected:
  /// Starts the run, sends the signal once `seen`, and expects that the run saves and leaves.
  void interrupt(const std::vector<std::string>& arguments, int signal,
                 const std::function<bool()>& seen) {
    Program run(folder_.path(), arguments);
    ASSERT_TRUE(run.wait_until(seen));
    run.signal(signal);
    const Ended ended = run.wait();
    ASSERT_EQ(ended.code, 75) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("go on with: longwave train --resume auto " + at("parts")));
    EXPECT_EQ(json_of("parts/RUN.json")["state"], "preempted");
  }
  bool exists(const Path& name) const { return std::filesystem::exists(folder_ / name); }
};

TEST_F(Signals, AtTheStart) {
  complete(train("copying", "whole"));
  interrupt(train("copying", "parts"), SIGTERM, [&] { return exists("parts/RUN.json"); });
  complete(resume("parts"));
  expect_same("whole", "parts");
}

TEST_F(Signals, InSteps) {
  const std::vector<std::string> overrides{"train.steps=60", "train.accumulate=4",
                                           "train.checkpoint_every=0", "train.log_every=1"};
  complete(train("copying", "whole", overrides));
  int64_t step = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    step += 12;
    interrupt(step == 12 ? train("copying", "parts", overrides) : resume("parts"), signal,
              [&] { return measured("parts", "train", step); });
  }
  complete(resume("parts"));
  expect_same("whole", "parts");
}

TEST_F(Signals, InAnEvaluation) {
  const std::vector<std::string> overrides{"data.validation=3000", "train.steps=4",
                                           "train.log_every=1", "optim.ema=0.5"};
  complete(train("copying", "whole", overrides));
  interrupt(train("copying", "parts", overrides), SIGINT,
            [&] { return measured("parts", "train", 4); });
  EXPECT_FALSE(measured("parts", "val", 4));
  complete(resume("parts"));
  expect_same("whole", "parts");
}

TEST_F(Signals, WhileASampleIsWritten) {
  const std::vector<std::string> overrides{"train.steps=4", "train.eval_every=2", "sample.every=2",
                                           "sample.tokens=2000"};
  complete(train("text", "whole", overrides));
  for (const int64_t step : {2, 4}) {
    interrupt(step == 2 ? train("text", "parts", overrides) : resume("parts"), SIGTERM,
              [&] { return measured("parts", "val", step); });
    EXPECT_FALSE(exists(str("parts/samples/step-0000000", step, ".txt")));
  }
  complete(resume("parts"));
  expect_same("whole", "parts");
}

TEST_F(Signals, WhileItSaves) {
  const std::vector<std::string> overrides{"train.steps=40", "train.checkpoint_every=1"};
  complete(train("digits", "whole", overrides));
  interrupt(train("digits", "parts", overrides), SIGTERM, [&] {
    if (!exists("parts/ckpt")) return false;
    for (const std::string& name : list_directory(folder_ / "parts/ckpt"))
      if (name.starts_with(".tmp-step")) return true;
    return false;
  });
  complete(resume("parts"));
  expect_same("whole", "parts");
}

TEST_F(Signals, TheSecondEndsItAtOnce) {
  const std::vector<std::string> overrides{"train.steps=60", "train.log_every=1"};
  complete(train("copying", "whole", overrides));
  Program run(folder_.path(), train("copying", "parts", overrides));
  ASSERT_TRUE(run.wait_until([&] { return measured("parts", "train", 5); }));
  run.signal(SIGSTOP);  // both are there when it goes on
  run.signal(SIGTERM);
  run.signal(SIGINT);
  run.signal(SIGCONT);
  EXPECT_EQ(run.wait().code, 130);
  complete(resume("parts"));
  expect_same("whole", "parts");
}

TEST_F(Signals, OneEndsACommandThatSavesNothing) {
  Program check(folder_.path(), {"check", "layer", "all"});
  ASSERT_TRUE(check.wait_until([&] { return exists("stdout") && text_of("stdout").size() > 100; }));
  check.signal(SIGINT);
  EXPECT_EQ(check.wait().code, 130);
  Program inspect(folder_.path(), {"inspect", "hippo", "--discretization", "zoh", "--order", "512",
                                   "--steps", "1000000", "--json"});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  inspect.signal(SIGTERM);
  const Ended ended = inspect.wait();
  EXPECT_TRUE(ended.code == 130 || ended.code == -SIGTERM) << ended.code;
  EXPECT_EQ(ended.out, "");
}

}  // namespace
}  // namespace lw
