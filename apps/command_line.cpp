#include "apps/command_line.h"

#include <cstdio>

#include "apps/launch.h"
#include "apps/standard_streams.h"
#include "core/communicator.h"
#include "core/error.h"
#include "core/parallel.h"

namespace lw {
namespace {

constexpr const char* version = "0.1.0";

}  // namespace

CommandLine::CommandLine() {
  app_.require_subcommand(0, 1);
  app_.set_help_flag("-h,--help", "show this help");
  add_train(), add_eval(), add_predict(), add_generate(), add_config(), add_data(), add_ckpt(),
      add_inspect(), add_check(), add_bench(), add_doctor();
  CLI::App* version_command = add("version", "print the version", [this] {
    std::printf(version_json_ ? "{\"name\":\"longwave\",\"version\":\"%s\"}\n" : "longwave %s\n",
                version);
    return 0;
  });
  version_command->alias("--version");
  version_command->add_flag("--json", version_json_, "one JSON object");
  CLI::App* help = add("help", "explain a command", [this] { return help_command(); });
  help->add_option("command", help_topic_, "train, eval, inspect hippo, ...");
}

int CommandLine::run(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(help_of(current()).c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    throw Error(str(explain(error, current()), "\n  ", place(), " --help shows how it is used"));
  }
  if (threads_ > 0) set_num_threads(threads_);
  for (const auto& [command, action] : actions_) {
    if (command != &current()) continue;
    if (command->get_name() == "train") {  // its results are files
      const RankEnvironment ranks = rank_environment();
      check(ranks.size == 1 || train_.nproc == 1 || train_.nproc == ranks.size, "--nproc is ",
            train_.nproc, ", but this process is one of ", ranks.size, " ranks that ", ranks.source,
            " has started\n  leave --nproc out there");
      return train_.nproc > ranks.size ? launch_ranks(train_.nproc, argv) : action();
    }
    refuse_ranks(command->get_name());
    end_with_reader();
    const int code = action();
    flush_results();
    return code;
  }
  std::fputs(app_.help().c_str(), stdout);
  return 0;
}

std::string CommandLine::place() {
  const CLI::App& command = current();
  std::string name;
  for (const CLI::App* app = &command; app != &app_; app = app->get_parent())
    name = " " + app->get_name() + name;
  return "longwave" + name;
}

std::string CommandLine::memory_remedy() {
  const std::string name = current().get_name();
  if (name != "train" && name != "eval" && (name != "bench" || bench_.what != "step")) return "";
  return "\n  a larger train.accumulate computes a batch in more parts, to the same result; a "
         "smaller\n  train.batch, data.length or model needs less too";
}

void CommandLine::refuse_ranks(const std::string& command) {
  const RankEnvironment started = rank_environment();
  check(started.size == 1, started.source, " started ", started.size,
        " processes, and of the commands train alone works on several\n  run longwave ", command,
        " by itself");
}

CLI::App& CommandLine::current() {
  CLI::App* command = &app_;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return *command;
}

std::string CommandLine::help_of(const CLI::App& app) const {
  const CLI::App* parent = app.get_parent();
  return app.help(parent == nullptr ? ""
                  : parent == &app_ ? app_.get_name()
                                    : app_.get_name() + " " + parent->get_name());
}

CLI::App* CommandLine::add(const std::string& name, const std::string& summary,
                           std::function<int()> action, CLI::App* within) {
  CLI::App* command = (within ? within : &app_)->add_subcommand(name, summary);
  command->set_help_flag("-h,--help", "show this help");
  command->add_option("--threads", threads_, "CPU threads; the results do not depend on it")
      ->check(integer_between(1, 4096));
  actions_.emplace_back(command, std::move(action));
  return command;
}

int CommandLine::help_command() {
  CLI::App* topic = &app_;
  for (const std::string& word : help_topic_) {
    std::vector<std::string> names;
    CLI::App* next = nullptr;
    for (CLI::App* command : topic->get_subcommands([](CLI::App*) { return true; })) {
      names.push_back(command->get_name());
      if (command->get_name() == word) next = command;
    }
    const std::string near = did_you_mean(word, names);
    check(next != nullptr, "there is no command `", topic == &app_ ? "" : topic->get_name() + " ",
          word, "`", near.empty() ? "" : "\n  did you mean `" + near + "`?");
    topic = next;
  }
  std::fputs(help_of(*topic).c_str(), stdout);
  return 0;
}

}  // namespace lw
