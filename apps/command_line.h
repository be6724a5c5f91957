// The command line of every command, bound to the structs of commands.h. An internal header, for .cpp files only: it brings
// in CLI11.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli_words.h"
#include "apps/commands.h"

namespace lw {

class CommandLine {
 public:
  CommandLine();
  int run(int argc, char** argv);
  /// "longwave train": where an error of the command line is.
  std::string place();
  /// What needs less memory, for the commands that train.accumulate cuts a batch for.
  std::string memory_remedy();

 private:
  /// Several ranks would do all the same, and write it several times.
  static void refuse_ranks(const std::string& command);
  CLI::App& current();
  std::string help_of(const CLI::App& app) const;
  /// A command, or one within another: the last one named is run.
  CLI::App* add(const std::string& name, const std::string& summary, std::function<int()> action,
                CLI::App* within = nullptr);
  int help_command();

  // The flags of each command: command_flags.cpp.
  static void add_overrides(CLI::App* command, Overrides& overrides);
  static CLI::Option* add_weights(CLI::App* command, std::string& weights);
  void add_train();
  void add_eval();
  void add_predict();
  void add_generate();
  void add_config();
  void add_data();
  void add_ckpt();
  void add_inspect();
  void add_inspect_hippo(CLI::App& inspect);
  void add_check();
  void add_bench();
  void add_doctor();
  void check_bench_flags() const;

  CLI::App app_{"Longwave: train state-space models from one YAML file", "longwave"};
  std::vector<std::pair<CLI::App*, std::function<int()>>> actions_;
  int threads_ = 0;
  TrainArguments train_;
  EvalArguments eval_;
  PredictArguments predict_;
  GenerateArguments generate_;
  ConfigArguments config_;
  DataArguments data_;
  CkptArguments ckpt_;
  InspectArguments inspect_;
  InspectHippoArguments hippo_;
  CheckArguments check_;
  BenchArguments bench_;
  /// A flag that only these benches take, and what does its work in a config.
  struct BenchFlag {
    CLI::Option* option;
    std::vector<std::string> benches;
    std::string in_config;
  };
  std::vector<BenchFlag> bench_flags_;
  bool doctor_json_ = false, version_json_ = false;
  std::vector<std::string> help_topic_;
};

}  // namespace lw
