// Ranks as torchrun starts them, which meet over TCP: the run of one process; a rank that dies, stops or never comes is
// named in bounded time; two jobs beside each other.
#include <memory>

#include "core/sockets.h"
#include "tests/apps/ranks.h"

namespace lw {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<std::string> soon{"LW_PEER_TIMEOUT_S=3"};

int free_port() {
  std::string why;
  return port_of(listen_at(0, why));
}

/// The processes of a run, one a rank.
class Job {
 public:
  Job(const Path& folder, int ranks, const std::vector<std::string>& arguments, int port,
      const std::vector<std::string>& environment = {}, int started = -1) {
    for (int r = 0; r < (started < 0 ? ranks : started); ++r) {
      const Path place = folder / str("port-", port, "-rank-", r);
      std::filesystem::create_directories(place);
      std::vector<std::string> variables{str("RANK=", r),           str("LOCAL_RANK=", r),
                                         str("WORLD_SIZE=", ranks), "MASTER_ADDR=localhost",
                                         str("MASTER_PORT=", port), "OMP_NUM_THREADS=1"};
      variables.insert(variables.end(), environment.begin(), environment.end());
      processes_.push_back(std::make_unique<Program>(place, arguments, variables));
    }
  }
  Program& operator[](size_t rank) { return *processes_[rank]; }
  std::vector<Ended> wait() {
    std::vector<Ended> ended;
    for (const auto& process : processes_) ended.push_back(process->wait());
    return ended;
  }

 private:
  std::vector<std::unique_ptr<Program>> processes_;
};

class TcpRanks : public RanksTest {
 protected:
  void SetUp() override {}  // needs no MPI

  void complete_on(int ranks, const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment = {}) const {
    for (const Ended& ended :
         Job(folder_.path(), ranks, arguments, free_port(), environment).wait())
      EXPECT_EQ(ended.code, 0) << ended.err;
  }

  /// A run on two ranks that goes on for long; once it trains, one of them gets the signal. How the other ended.
  Ended with_signal_to(size_t rank, int number) {
    const std::vector<std::string> endless{"train.steps=10000000", "train.log_every=100",
                                           "train.eval_every=0", "train.checkpoint_every=0"};
    Job job(folder_.path(), 2, train("copying", "run", endless), free_port(), soon);
    EXPECT_TRUE(job[0].wait_until([&] { return measured("run", "train", 100); }));
    const auto start = std::chrono::steady_clock::now();
    job[rank].signal(number);
    const Ended ended = job[1 - rank].wait();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
    return ended;
  }
};

TEST_F(TcpRanks, EqualOneProcess) {
  const std::vector<std::string> overrides{"model.dropout=0.1", "train.accumulate=2"};
  complete(train("digits", "one", overrides));
  complete_on(2, train("digits", "two", overrides));
  complete_on(3, train("digits", "three", overrides));
  expect_close_runs("one", "two");
  expect_close_runs("one", "three");
}

TEST_F(TcpRanks, TheSameNumberGivesTheSameBits) {
  complete_on(3, train("text", "one"));
  complete_on(3, train("text", "two"));
  expect_same("one", "two");
}

TEST_F(TcpRanks, BesideTheStoreOfTorchrun) {
  std::string why;
  const Socket store = listen_at(0, why);
  const std::vector<std::string> elastic{"TORCHELASTIC_USE_AGENT_STORE=True",
                                         "TORCHELASTIC_RUN_ID=a"};
  for (const Ended& ended :
       Job(folder_.path(), 2, train("copying", "run"), port_of(store), elastic).wait())
    EXPECT_EQ(ended.code, 0) << ended.err;
}

TEST_F(TcpRanks, TwoJobsOnOneMachine) {
  Job first(folder_.path(), 2, train("copying", "one"), free_port());
  Job second(folder_.path(), 2, train("copying", "two"), free_port());
  for (Job* job : {&first, &second})
    for (const Ended& ended : job->wait()) EXPECT_EQ(ended.code, 0) << ended.err;
  expect_same("one", "two");
}

TEST_F(TcpRanks, AKilledRankIsNamedAtOnce) {
  const Ended ended = with_signal_to(1, SIGKILL);
  EXPECT_EQ(ended.code, 6);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("longwave train: error: rank 1 (process "),
                               HasSubstr(") is gone: its connection is closed\n")));
  EXPECT_EQ(json_of("run/RUN.json")["state"], "failed");
}

TEST_F(TcpRanks, AStoppedRankIsNamed) {
  const Ended ended = with_signal_to(1, SIGSTOP);
  EXPECT_EQ(ended.code, 6);
  EXPECT_THAT(ended.err, HasSubstr(") has not answered for 3 s: it is stopped, gone or cut off\n"));
}

TEST_F(TcpRanks, SoIsRankZero) {
  const Ended ended = with_signal_to(0, SIGSTOP);
  EXPECT_EQ(ended.code, 6);
  EXPECT_THAT(ended.err, HasSubstr("[rank 1] longwave train: error: rank 0 (process "));
}

TEST_F(TcpRanks, AnErrorOfOneRankAloneEndsAll) {
  const int port = free_port();
  Job good(folder_.path(), 2, train("text", "run"), port, {}, 1);
  const std::vector<std::string> second{"RANK=1", "LOCAL_RANK=1", "WORLD_SIZE=2",
                                        "MASTER_ADDR=localhost", str("MASTER_PORT=", port)};
  const Ended bad = longwave(train("text", "run", {"data.root=/nowhere"}), second);
  EXPECT_EQ(bad.code, 3);
  EXPECT_THAT(bad.err, HasSubstr("[rank 1] "));
  const Ended first = good.wait()[0];
  EXPECT_EQ(first.code, 3);
  EXPECT_EQ(first.err, "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(TcpRanks, ARankThatNeverComesIsTold) {
  const int port = free_port();
  const std::vector<Ended> ended =
      Job(folder_.path(), 3, train("copying", "run"), port, soon, /*started=*/2).wait();
  EXPECT_EQ(ended[0].code, 6);
  EXPECT_THAT(ended[0].err,
              HasSubstr(str("longwave train: error: rank 2 of 3 has not come to rank 0 at "
                            "localhost:",
                            port, " within 3 s\n")));
  EXPECT_EQ(ended[1].code, 6);
  EXPECT_EQ(ended[1].err, "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(TcpRanks, AWrongPortIsTold) {
  const int port = free_port();
  const Ended ended = longwave(train("copying", "run"),
                               {"RANK=1", "LOCAL_RANK=1", "WORLD_SIZE=2", "LW_PEER_TIMEOUT_S=1",
                                "MASTER_ADDR=localhost", str("MASTER_PORT=", port)});
  EXPECT_EQ(ended.code, 6);
  EXPECT_THAT(ended.err,
              HasSubstr(str("longwave train: error: rank 1 cannot reach rank 0 at localhost:", port,
                            " within 1 s: Connection refused\n")));
}

// --nproc without an mpirun on the PATH.
const std::vector<std::string> no_mpirun{"PATH=/nowhere"};

TEST_F(TcpRanks, NprocNeedsNoMpirun) {
  complete(train("copying", "one"));
  complete(on(3, train("copying", "three")), no_mpirun);
  expect_close_runs("one", "three");
  const Ended refused =
      longwave(on(2, train("copying", "refused", {"optim.kind=none"})), no_mpirun);
  EXPECT_EQ(refused.code, 2);
  const size_t told = refused.err.find("error: unknown optimizer");
  ASSERT_NE(told, refused.err.npos) << refused.err;
  EXPECT_EQ(refused.err.find("error: ", told + 1), refused.err.npos) << refused.err;
}

TEST_F(TcpRanks, NprocWithoutMpirunDividesTheThreads) { expect_divided_threads(no_mpirun, "RANK"); }

TEST_F(TcpRanks, NprocWithoutMpirunPassesSignalsOn) {
  const std::vector<std::string> overrides{"train.steps=1000000", "train.log_every=1",
                                           "train.eval_every=0", "train.checkpoint_every=0"};
  Program run(folder_.path(), on(2, train("copying", "run", overrides)), no_mpirun);
  ASSERT_TRUE(run.wait_until([&] { return measured("run", "train", 5); }));
  run.signal(SIGTERM);
  const Ended ended = run.wait();
  EXPECT_EQ(ended.code, 75) << ended.err;
  EXPECT_EQ(checkpoints("run").size(), 1u);
}

TEST_F(TcpRanks, NprocWithoutMpirunEndsWhereARankIsStopped) {
  const std::vector<std::string> endless{"train.steps=1000000", "train.log_every=1",
                                         "train.eval_every=0", "train.checkpoint_every=0"};
  Program run(folder_.path(), on(3, train("copying", "run", endless)),
              {"PATH=/nowhere", "LW_PEER_TIMEOUT_S=2"});
  ASSERT_TRUE(run.wait_until([&] { return measured("run", "train", 5); }));
  const pid_t stopped = process_of(2, "run", "RANK");
  ASSERT_GT(stopped, 0);
  ::kill(stopped, SIGSTOP);
  const auto start = std::chrono::steady_clock::now();
  const Ended ended = run.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  EXPECT_EQ(ended.code, 6) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("rank 2"));
  EXPECT_NE(::kill(stopped, 0), 0) << "the rank is still there";
}

TEST_F(TcpRanks, NprocIsNotForRanks) {
  const std::vector<Ended> ended =
      Job(folder_.path(), 2, on(3, train("copying", "run")), free_port()).wait();
  for (const Ended& rank : ended) EXPECT_EQ(rank.code, 2);
  EXPECT_THAT(ended[0].err, HasSubstr("--nproc is 3, but this process is one of 2 ranks"));
}

TEST_F(TcpRanks, ASignalToOneStopsAll) {
  const std::vector<std::string> overrides{"train.steps=1000000", "train.log_every=1",
                                           "train.eval_every=0", "train.checkpoint_every=0"};
  Job job(folder_.path(), 2, train("copying", "run", overrides), free_port());
  ASSERT_TRUE(job[0].wait_until([&] { return measured("run", "train", 5); }));
  job[1].signal(SIGTERM);
  for (const Ended& ended : job.wait()) EXPECT_EQ(ended.code, 75) << ended.err;
  EXPECT_EQ(checkpoints("run").size(), 1u);
}

}  // namespace
}  // namespace lw
