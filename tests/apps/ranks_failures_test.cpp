// A rank that is killed, stopped, cannot save or cannot read its data: all end, in bounded time, and it is named.
#include "tests/apps/ranks.h"

namespace lw {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class RanksFailures : public RanksTest {
 protected:
  /// A run that goes on for long, on two ranks; once it trains, one of them gets the signal.
  Ended with_signal_to(int rank, int number) {
    const std::vector<std::string> endless{"train.steps=10000000", "train.log_every=100",
                                           "train.eval_every=0", "train.checkpoint_every=0"};
    Program run(folder_.path(), on(2, train("copying", "run", endless)), {"LW_PEER_TIMEOUT_S=3"});
    EXPECT_TRUE(run.wait_until([&] { return measured("run", "train", 100); }));
    pid_ = process_of(rank, "run");
    EXPECT_GT(pid_, 0);
    const auto start = std::chrono::steady_clock::now();
    ::kill(pid_, number);
    const Ended ended = run.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    for (int i = 0; i < 500 && ::kill(pid_, 0) == 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_NE(::kill(pid_, 0), 0) << "the rank is still there";
    return ended;
  }

  pid_t pid_ = -1;
};

TEST_F(RanksFailures, AKilledRankEndsTheJob) {
  const Ended ended = with_signal_to(1, SIGKILL);
  EXPECT_EQ(ended.code, 6);
  EXPECT_THAT(ended.err, HasSubstr("rank 1"));
  EXPECT_THAT(ended.err, HasSubstr("longwave train: error: --nproc: signal 9 killed a rank"));
}

TEST_F(RanksFailures, AStoppedRankIsNamed) {
  const Ended ended = with_signal_to(1, SIGSTOP);
  EXPECT_EQ(ended.code, 6);
  EXPECT_THAT(ended.err, HasSubstr(str("longwave train: error: rank 1 (process ", pid_, " on ")));
  EXPECT_THAT(ended.err, HasSubstr(") has not answered for 3 s: it is stopped, gone or cut off\n"));
  EXPECT_EQ(json_of("run/RUN.json")["state"], "failed");
}

TEST_F(RanksFailures, SoIsRankZero) {
  const Ended ended = with_signal_to(0, SIGSTOP);
  EXPECT_EQ(ended.code, 6);
  EXPECT_THAT(ended.err, HasSubstr("[rank 1] longwave train: error: rank 0 (process "));
}

TEST_F(RanksFailures, AFailedSavePublishesNothing) {
  const Ended ended =
      longwave(on(2, train("copying", "run", {"train.checkpoint_every=0"})), {"LW_FAULT=full@40"});
  EXPECT_EQ(ended.code, 7) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("No space left on device"));
  EXPECT_TRUE(checkpoints("run").empty());
  complete(on(2, resume("run")));
  complete(train("copying", "whole", {"train.checkpoint_every=0"}));
  expect_close_runs("whole", "run");
}

TEST_F(RanksFailures, AFailedSaveOnTheWayIsAWarning) {
  const Ended ended = longwave(on(2, train("copying", "run", {"train.checkpoint_every=1"})),
                               {"LW_FAULT=enospc@70"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("was not saved; training goes on\n"));
  complete(on(2, train("copying", "whole", {"train.checkpoint_every=1"})));
  expect_same("whole", "run");
}

TEST_F(RanksFailures, AnErrorOfOneRankAloneEndsAll) {
  std::vector<std::string> words = mpirun(1, train("text", "run"));
  words.emplace_back(":");
  for (const std::string& word : mpirun(1, train("text", "run", {"data.root=/nowhere"})))
    if (!word.starts_with("--allow") && word != "--oversubscribe") words.push_back(word);
  const Ended ended = Program(folder_.path(), words, {}, {}, "mpirun").wait();
  EXPECT_EQ(ended.code, 3) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("[rank 1] "));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(RanksFailures, DifferentConfigsAreRefused) {
  std::vector<std::string> words = mpirun(1, train("copying", "run"));
  words.emplace_back(":");
  for (const std::string& word : mpirun(1, train("copying", "run", {"optim.lr=0.5"})))
    if (!word.starts_with("--allow") && word != "--oversubscribe") words.push_back(word);
  const Ended ended = Program(folder_.path(), words, {}, {}, "mpirun").wait();
  EXPECT_EQ(ended.code, 2) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("longwave train: error: the config differs between the ranks: "
                                   "rank 1 has another than rank 0\n"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

}  // namespace
}  // namespace lw
