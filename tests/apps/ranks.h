// Runs of the program on several ranks, for tests.
#pragma once

#include <algorithm>
#include <cmath>

#include "apps/run_lookup.h"
#include "core/communicator.h"
#include "tests/apps/program.h"

namespace lw {

class RanksTest : public ProgramTest {
 protected:
  void SetUp() override {
    if (mpi_version().starts_with("this build")) GTEST_SKIP() << mpi_version();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "what Open MPI does with memory and threads is its own business";
#endif
  }

  /// `arguments` of train, for several ranks.
  static std::vector<std::string> on(int ranks, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--nproc", std::to_string(ranks)});
    return arguments;
  }

  /// Starts the ranks as a user of mpirun does.
  static std::vector<std::string> mpirun(int ranks, const std::vector<std::string>& arguments) {
    std::vector<std::string> words{"--allow-run-as-root", "--oversubscribe", "-n",
                                   std::to_string(ranks), LW_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
  }

  /// The process of a rank that trains in `run`; -1 if there is none.
  pid_t process_of(int rank, const std::string& run,
                   const char* variable = "OMPI_COMM_WORLD_RANK") const {
    namespace fs = std::filesystem;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != name.npos) continue;
      const std::string words = contents(entry.path() / "cmdline");
      const std::string variables = contents(entry.path() / "environ");
      if (words.find(at(run)) != words.npos &&
          variables.find(str('\0', variable, '=', rank, '\0')) != variables.npos)
        return std::stoi(name);
    }
    return -1;
  }

  /// A run of two ranks that may use four threads: each has two, however that is written.
  void expect_divided_threads(const std::vector<std::string>& environment,
                              const char* variable) const {
    const std::vector<std::string> endless{"train.steps=1000000", "train.log_every=1",
                                           "train.eval_every=0", "train.checkpoint_every=0"};
    for (const std::string flag : {"--threads 4", "--threads=4"}) {
      const std::string run = flag == "--threads=4" ? "one_word" : "two_words";
      std::vector<std::string> arguments = on(2, train("copying", run, endless));
      std::istringstream words(flag);
      for (std::string word; words >> word;) arguments.push_back(word);
      Program program(folder_.path(), arguments, environment);
      ASSERT_TRUE(program.wait_until([&] { return measured(run, "train", 2); }));
      for (const int rank : {0, 1}) {
        std::string command = contents(str("/proc/", process_of(rank, run, variable), "/cmdline"));
        std::replace(command.begin(), command.end(), '\0', ' ');
        EXPECT_THAT(command, testing::EndsWith(flag.substr(0, flag.size() - 1) + "2 "));
      }
      program.signal(SIGTERM);
      EXPECT_EQ(program.wait().code, 75);
    }
  }

  /// Two runs measured the same, and ended in the same weights, within `tolerance`.
  void expect_close_runs(const std::string& a, const std::string& b,
                         double tolerance = 2e-5) const {
    const std::vector<Json> left = metrics(a), right = metrics(b);
    ASSERT_EQ(left.size(), right.size());
    for (size_t i = 0; i < left.size(); ++i) {
      EXPECT_EQ(left[i]["step"], right[i]["step"]);
      EXPECT_EQ(left[i]["split"], right[i]["split"]);
      const double x = left[i]["loss"].get<double>(), y = right[i]["loss"].get<double>();
      EXPECT_NEAR(x, y, tolerance * std::abs(x)) << "line " << i;
    }
    const CheckpointContent first = load_checkpoint(find_checkpoint(folder_ / a));
    const CheckpointContent second = load_checkpoint(find_checkpoint(folder_ / b));
    EXPECT_EQ(first.step, second.step);
    ASSERT_EQ(first.params.size(), second.params.size());
    for (const auto& [name, tensor] : first.params) {
      const std::vector<double> x = tensor.value.to_vector();
      const std::vector<double> y = second.params.at(name).value.to_vector();
      double largest = 1e-2, difference = 0;
      for (size_t i = 0; i < x.size(); ++i)
        largest = std::max(largest, std::abs(x[i])),
        difference = std::max(difference, std::abs(x[i] - y[i]));
      EXPECT_LE(difference, 50 * tolerance * largest) << name;
    }
  }

 private:
  static std::string contents(const Path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
};

}  // namespace lw
