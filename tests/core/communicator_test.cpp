// One process, what the environment says of the ranks, and three ranks: each of those tests starts itself under mpirun,
// and as torchrun does.
#include "core/communicator.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "core/sockets.h"
#include "tests/compare.h"

namespace lw {
namespace {

using ::testing::ElementsAre;
using testing::error_of;

/// Sets variables for as long as it lives.
class Environment {
 public:
  explicit Environment(std::vector<std::pair<std::string, std::string>> values)
      : values_(std::move(values)) {
    for (const auto& [name, value] : values_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const auto& [name, value] : values_) ::unsetenv(name.c_str());
  }

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// A shell command that runs `command` on three ranks, and ends with the highest code of them.
std::string on_three(const std::string& launcher, const std::string& command) {
  if (launcher == "mpirun")
    return "mpirun -n 3 --oversubscribe --bind-to none --allow-run-as-root " + command;
  std::string why;
  const int port = port_of(listen_at(0, why));
  return str("export WORLD_SIZE=3 MASTER_ADDR=localhost MASTER_PORT=", port,
             "; for r in 0 1 2; do RANK=$r LOCAL_RANK=$r ", command,
             " & all=\"$all $!\"; done; code=0; for p in $all; do wait $p; c=$?; "
             "[ $c -gt $code ] && code=$c; done; exit $code");
}

class ThreeRanks : public ::testing::TestWithParam<const char*> {
 protected:
  /// Runs body(ranks()) in three processes of this test; their code must be `code`.
  template <class Body>
  void on_three_ranks(Body&& body, int code = 0) {
    const std::string launcher = GetParam();
    if (launcher == "mpirun") {
      if (mpi_version().starts_with("this build")) GTEST_SKIP() << mpi_version();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
      GTEST_SKIP() << "what Open MPI does with memory and threads is its own business";
#endif
    }
    if (rank_environment().size == 1) {
      const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
      const std::string command =
          on_three(launcher, str(std::filesystem::read_symlink("/proc/self/exe").string(),
                                 " --gtest_brief=1 --gtest_filter=", test->test_suite_name(), ".",
                                 test->name()));
      EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), code) << command;
      return;
    }
    join_ranks();
    int own_code = 0;
    std::string error;
    try {
      body(ranks());
    } catch (const PeerError& e) {
      own_code = static_cast<int>(e.kind());
    } catch (const Error& e) {
      own_code = static_cast<int>(e.kind()), error = e.what();
    }
    own_code = ranks().end(own_code, error, [&] { std::fprintf(stderr, "%s\n", error.c_str()); });
    EXPECT_EQ(own_code, code);
    if (own_code != 0) std::_Exit(HasFailure() ? 99 : own_code);
  }
};
INSTANTIATE_TEST_SUITE_P(Launchers, ThreeRanks, ::testing::Values("mpirun", "torchrun"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Ranks, OneProcessNeedsNobody) {
  Communicator& alone = ranks();
  EXPECT_EQ(alone.size(), 1);
  EXPECT_TRUE(alone.first());
  EXPECT_THAT(alone.sum(std::vector<double>{1.5, 2}), ElementsAre(1.5, 2));
  EXPECT_EQ(alone.broadcast("bytes"), "bytes");
  EXPECT_FALSE(alone.any(false));
  EXPECT_TRUE(alone.any(true));
  alone.check_same("the test", "same");
  EXPECT_EQ(error_of([&] { alone.on_first([] { throw Error("full", ErrorKind::disk); }); }),
            "full");
  bool told = false;
  EXPECT_EQ(alone.end(7, "full", [&] { told = true; }), 7);
  EXPECT_TRUE(told);
}

TEST(Ranks, AreReadFromTheEnvironment) {
  const auto found = [](std::vector<std::pair<std::string, std::string>> values) {
    const Environment environment(std::move(values));
    const RankEnvironment ranks = rank_environment();
    return str(ranks.rank, " of ", ranks.size, " ", ranks.source);
  };
  EXPECT_EQ(found({}), "0 of 1 ");
  EXPECT_EQ(found({{"OMPI_COMM_WORLD_RANK", "2"}, {"OMPI_COMM_WORLD_SIZE", "4"}}), "2 of 4 mpirun");
  EXPECT_EQ(found({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}), "0 of 1 ");
  EXPECT_EQ(found({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}), "1 of 2 mpirun");
  EXPECT_EQ(found({{"SLURM_PROCID", "3"}, {"SLURM_NTASKS", "8"}}),
            "0 of 1 ");  // the job's own shell
  EXPECT_EQ(found({{"SLURM_PROCID", "3"}, {"SLURM_NTASKS", "8"}, {"SLURM_STEP_ID", "0"}}),
            "3 of 8 srun");
  EXPECT_EQ(found({{"SLURM_PROCID", "0"},
                   {"SLURM_NTASKS", "8"},
                   {"SLURM_STEP_NUM_TASKS", "2"},
                   {"SLURM_STEP_ID", "0"}}),
            "0 of 2 srun");
  EXPECT_EQ(found({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "1"}}), "1 of 2 torchrun");
  EXPECT_EQ(found({{"RANK", "1"}, {"WORLD_SIZE", "2"}}), "1 of 2 torchrun");  // Kubernetes
  EXPECT_EQ(error_of([&] {
              found({{"WORLD_SIZE", "2"}});
            }),
            "WORLD_SIZE is 2, but RANK is not set");
  EXPECT_EQ(error_of([&] {
              found({{"RANK", "0"}, {"WORLD_SIZE", "0"}});
            }),
            "WORLD_SIZE is 0: it counts all ranks, this one too");
  EXPECT_EQ(error_of([&] {
              found({{"PMI_RANK", "one"}, {"PMI_SIZE", "2"}});
            }),
            "PMI_RANK: expected a number of ranks or a rank, received `one`");
  EXPECT_EQ(error_of([&] {
              found({{"PMI_RANK", "2"}, {"PMI_SIZE", "2"}});
            }),
            "PMI_RANK is 2 and PMI_SIZE is 2: there is no such rank");
}

TEST(Ranks, SharesCoverEverySampleOnce) {
  for (const int64_t size : {0, 1, 2, 7, 32})
    for (const int n : {1, 2, 3, 5}) {
      int64_t next = 0;
      for (int r = 0; r < n; ++r) {
        const Share share = share_of(size, r, n);
        EXPECT_EQ(share.begin, next);
        EXPECT_LE(std::abs((share.end - share.begin) * n - size), n);
        next = share.end;
      }
      EXPECT_EQ(next, size);
    }
}

TEST_P(ThreeRanks, GatherAndBroadcast) {
  on_three_ranks([](Communicator& all) {
    const double rank = all.rank();
    EXPECT_THAT(all.gather(std::vector<double>{rank, -rank}), ElementsAre(0, -0.0, 1, -1, 2, -2));
    EXPECT_THAT(all.sum({&rank, 1}), ElementsAre(3));
    EXPECT_EQ(all.broadcast(all.first() ? "of rank 0" : ""), "of rank 0");
    EXPECT_EQ(all.broadcast(all.first() ? "" : "not this"), "");
    EXPECT_TRUE(all.any(all.rank() == 2));
    EXPECT_FALSE(all.any(false));
  });
}

TEST_P(ThreeRanks, AddUpTensorsMeanwhile) {
  on_three_ranks([](Communicator& all) {
    Tensors sums;
    for (const int64_t size : {1, 33, 100000, 1000000})
      for (const DType dtype : {DType::f32, DType::f64})
        all.start_sum(sums.emplace_back(Tensor::full({size}, all.rank() + 0.1, dtype)));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    all.wait_sums();
    for (const Tensor& sum : sums) {
      const double first = sum.at({0});
      EXPECT_NEAR(first, 3.3, 1e-6);
      for (const double x : sum.to_vector()) ASSERT_EQ(x, first);
    }
    all.check_same("the sum", str(sums.back().at({0})));
    EXPECT_EQ(error_of([&] { all.start_sum(Tensor::zeros({2}, DType::i64)); }),
              "Communicator::start_sum: expected a contiguous f32 or f64 tensor, received "
              "i64 [2]");
  });
}

TEST_P(ThreeRanks, TcpAddsInTheOrderOfTheRanks) {
  if (std::string(GetParam()) == "mpirun") GTEST_SKIP() << "MPI chooses its own order";
  on_three_ranks([](Communicator& all) {
    const auto value = [](int64_t i, int rank) {
      return std::ldexp(1.0F + 0.01F * static_cast<float>(i % 77),
                        static_cast<int>(i * (rank + 3) % 23));
    };
    for (const int64_t size : {0, 1, 2, 3, 1001}) {
      std::vector<float> own;
      for (int64_t i = 0; i < size; ++i) own.push_back(value(i, all.rank()));
      const Tensor sum = Tensor::from({size}, own);
      all.start_sum(sum);
      all.wait_sums();
      const std::vector<double> found = sum.to_vector();
      for (int64_t i = 0; i < size; ++i)
        ASSERT_EQ(found[static_cast<size_t>(i)], value(i, 0) + value(i, 1) + value(i, 2)) << i;
    }
  });
}

TEST_P(ThreeRanks, SayWhichOfThemDiffer) {
  on_three_ranks([](Communicator& all) {
    EXPECT_EQ(error_of([&] { all.check_same("the config", all.rank() == 1 ? "b" : "a"); }),
              "the config differs between the ranks: rank 1 has another than rank 0");
  });
}

TEST_P(ThreeRanks, AnErrorOfRankZeroIsThrownOnAll) {
  on_three_ranks([](Communicator& all) {
    bool called = false;
    all.on_first([&] { called = true; });
    EXPECT_EQ(called, all.first());
    EXPECT_EQ(error_of([&] { all.on_first([] { throw Error("full", ErrorKind::disk); }); }),
              "full");
  });
}

TEST_P(ThreeRanks, AnErrorOfOneEndsAll) {
  on_three_ranks(
      [](Communicator& all) {
        if (all.rank() == 2) throw Error("unreadable", ErrorKind::data);
        for (;;) all.barrier();
      },
      /*code=*/3);
}

TEST_P(ThreeRanks, ErrorsOfAllEndInOrder) {
  on_three_ranks([](Communicator&) { throw Error("refused"); }, /*code=*/2);
}

}  // namespace
}  // namespace lw
