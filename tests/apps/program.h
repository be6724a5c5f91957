// The program as a user starts it: a process of its own, on small configs, and what its runs leave behind.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <thread>

#include "apps/checkpoint.h"
#include "core/json.h"
#include "tests/temporary_folder.h"

namespace lw {

/// How a process ended: its exit status, or minus the signal that killed it, and what it wrote.
struct Ended {
  int code = 0;
  std::string out, err;
};

/// A running `longwave ARGUMENTS`, with NAME=VALUE added to the environment and streams closed; or another program.
class Program {
 public:
  Program(const Path& folder, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment = {}, const std::vector<int>& closed = {},
          const char* program = LW_PROGRAM)
      : out_(folder / "stdout"), err_(folder / "stderr") {
    child_ = ::fork();
    if (child_ != 0) return;
    ::setenv("OMP_WAIT_POLICY", "passive", 1);
    ::setenv("OMP_NUM_THREADS", "2", 1);
    ::unsetenv("LONGWAVE_DATA");
    for (std::string variable : environment) ::putenv(::strdup(variable.c_str()));
    for (const auto& [path, to] : {std::pair{out_, STDOUT_FILENO}, std::pair{err_, STDERR_FILENO}})
      ::dup2(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), to);
    for (const int stream : closed) ::close(stream);
    std::vector<char*> argv{::strdup("longwave")};
    for (const std::string& argument : arguments) argv.push_back(::strdup(argument.c_str()));
    argv.push_back(nullptr);
    ::execvp(program, argv.data());
    ::_exit(127);
  }
  ~Program() {
    if (child_ > 0) ::kill(child_, SIGKILL), ::waitpid(child_, nullptr, 0);
  }
  Program(const Program&) = delete;

  void signal(int number) const { ::kill(child_, number); }

  /// Waits until `seen` holds or the process has ended, and says whether it was seen.
  bool wait_until(const std::function<bool()>& seen) {
    for (;;) {
      if (seen()) return true;
      siginfo_t info{};
      ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT);
      if (info.si_pid == child_) return seen();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  Ended wait() {
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return {WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), read_file(out_),
            without_summary(read_file(err_))};
  }

 private:
  /// The table of parameters that a run starts with is no news.
  static std::string without_summary(std::string text) {
    const size_t begin = text.find("parameter  "), end = text.find("sequences\n");
    return end == text.npos ? text : text.erase(begin, end - begin);
  }

  Path out_, err_;
  pid_t child_ = -1;
};

/// A folder with configs, and runs of them.
class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    const char* train =
        "optim: {kind: adamw, lr: 1.0e-2}\n"
        "train: {steps: 10, batch: 8, log_every: 3, eval_every: 4, checkpoint_every: 3}\n";
    write_file(folder_ / "copying.yaml",
               str("name: copying\nseed: 1\n"
                   "data: {kind: selective_copying, length: 24, tokens: 4, vocabulary: 8, train: "
                   "40, validation: 16, test: 16}\n"
                   "model: {layer: mamba1, d_model: 8, n_layers: 2, d_state: 4, norm: rms}\n",
                   train));
    write_file(
        folder_ / "digits.yaml",
        str("name: digits\nseed: 2\n"
            "data: {kind: digits, size: 8, length: 24, train: 40, validation: 16, test: 16}\n"
            "model: {layer: s4d, d_model: 8, n_layers: 2, d_state: 4}\n",
            train));
    std::string corpus;
    for (int i = 0; i < 200; ++i) corpus += str(i % 7, " waves of ", i * i % 11, " colours\n");
    write_file(folder_ / "input.txt", corpus);
    write_file(folder_ / "text.yaml",
               str("name: text\nseed: 3\n"
                   "data: {kind: text, root: ., length: 24, validation: 0.1}\n"
                   "model: {layer: mamba1, d_model: 8, n_layers: 1, d_state: 4, norm: rms}\n",
                   train, "sample: {every: 4, tokens: 12}\n"));
  }

  Ended longwave(const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment = {}) const {
    return Program(folder_.path(), arguments, environment).wait();
  }
  std::string at(const Path& name) const { return (folder_ / name).string(); }

  /// The arguments of a new run of `config` in `run`.
  std::vector<std::string> train(const std::string& config, const std::string& run,
                                 const std::vector<std::string>& overrides = {}) const {
    std::vector<std::string> arguments{"train", at(config + ".yaml"), "--run-dir", at(run)};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    return arguments;
  }
  std::vector<std::string> resume(const std::string& run,
                                  const std::vector<std::string>& overrides = {}) const {
    std::vector<std::string> arguments{"train", "--resume", "auto", at(run)};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    return arguments;
  }
  /// Goes on with the run if there is one, else starts it: what a supervisor would do.
  std::vector<std::string> train_or_resume(const std::string& config, const std::string& run,
                                           const std::vector<std::string>& overrides) const {
    const bool there = std::filesystem::exists(folder_ / run / "config.resolved.yaml");
    return there ? resume(run) : train(config, run, overrides);
  }

  std::string text_of(const Path& name) const { return read_file(folder_ / name); }
  Json json_of(const Path& name) const { return parse_json(text_of(name), name.string()); }

  /// The whole lines of metrics.jsonl.
  std::vector<Json> metrics(const std::string& run) const {
    std::vector<Json> lines;
    const Path path = folder_ / run / "metrics.jsonl";
    if (!std::filesystem::exists(path)) return lines;
    const std::string text = read_file(path);
    for (size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
      lines.push_back(parse_json(text.substr(begin, end - begin), path.string()));
    return lines;
  }
  /// Whether metrics.jsonl has a line of this split at this step.
  bool measured(const std::string& run, const std::string& split, int64_t step) const {
    for (const Json& line : metrics(run))
      if (line["split"] == split && line["step"] == step) return true;
    return false;
  }
  /// metrics.jsonl without what a rerun cannot reproduce.
  std::string reproducible_metrics(const std::string& run) const {
    std::string text;
    for (Json& line : metrics(run)) {
      nlohmann::ordered_json kept;
      for (const auto& [name, value] : line.items()) {
        bool varies = false;
        for (const char* part : {"time", "wall", "per_s", "_ms", "eta", "mem", "data_"})
          varies |= name.find(part) != name.npos;
        if (!varies) kept[name] = value;
      }
      text += kept.dump() + "\n";
    }
    return text;
  }
  std::vector<int64_t> checkpoints(const std::string& run) const {
    std::vector<int64_t> steps;
    for (const CheckpointEntry& entry : list_checkpoints(folder_ / run))
      steps.push_back(entry.step);
    return steps;
  }

  /// Runs to the end.
  void complete(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment = {}) const {
    const Ended ended = longwave(arguments, environment);
    ASSERT_EQ(ended.code, 0) << ended.err;
  }

  /// Both runs ended in the same bytes.
  void expect_same(const std::string& a, const std::string& b) const {
    ASSERT_FALSE(checkpoints(a).empty());
    ASSERT_FALSE(checkpoints(b).empty());
    EXPECT_EQ(checkpoints(a).back(), checkpoints(b).back());
    for (const char* name : {"model.h5", "optim-0000-of-0001.h5", "state.h5"})
      EXPECT_TRUE(text_of(Path(a) / "ckpt/latest" / name) ==
                  text_of(Path(b) / "ckpt/latest" / name))
          << name << " of " << a << " and " << b;
    EXPECT_EQ(reproducible_metrics(a), reproducible_metrics(b));
    const std::vector<std::string> samples = list_directory(folder_ / a / "samples");
    EXPECT_EQ(samples, list_directory(folder_ / b / "samples"));
    for (const std::string& name : samples)
      EXPECT_EQ(text_of(Path(a) / "samples" / name), text_of(Path(b) / "samples" / name)) << name;
  }

  TemporaryFolder folder_;
};

}  // namespace lw
