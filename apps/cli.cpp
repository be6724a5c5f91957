#include "apps/cli.h"

#include <cstdio>
#include <functional>
#include <new>

#include "apps/cli_words.h"
#include "apps/commands.h"
#include "apps/launch.h"
#include "apps/signals.h"
#include "apps/standard_streams.h"
#include "core/communicator.h"
#include "core/error.h"
#include "core/parallel.h"
#include "layers/hippo_memory.h"
#include "layers/weight_format.h"

namespace lw {
namespace {

constexpr const char* version = "0.1.0";

/// The command line of every command, bound to the structs of commands.h.
class CommandLine {
 public:
  CommandLine() {
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
    help->add_option("command", help_topic_, "train, eval, ...");
  }

  int run(int argc, char** argv) {
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
      if (command->get_name() == "train")  // its results are files
        return train_.nproc > rank_environment().size ? launch_ranks(train_.nproc, argv) : action();
      refuse_ranks(command->get_name());
      end_with_reader();
      const int code = action();
      flush_results();
      return code;
    }
    std::fputs(app_.help().c_str(), stdout);
    return 0;
  }

  /// "longwave train": where an error of the command line is.
  std::string place() {
    const CLI::App& command = current();
    std::string name;
    for (const CLI::App* app = &command; app != &app_; app = app->get_parent())
      name = " " + app->get_name() + name;
    return "longwave" + name;
  }

  /// What needs less memory, for the commands that compute batches.
  std::string memory_remedy() {
    const std::string name = current().get_name();
    if (name != "train" && name != "eval" && (name != "bench" || bench_.what == "op")) return "";
    return "\n  a larger train.accumulate computes a batch in more parts, to the same result; a "
           "smaller\n  train.batch, data.length or model needs less too";
  }

 private:
  /// Several ranks would do all the same, and write it several times.
  static void refuse_ranks(const std::string& command) {
    const RankEnvironment started = rank_environment();
    check(started.size == 1, started.source, " started ", started.size,
          " processes, and of the commands train alone works on several\n  run longwave ", command,
          " by itself");
  }

  CLI::App& current() {
    CLI::App* command = &app_;
    while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    return *command;
  }

  std::string help_of(const CLI::App& app) const {
    const CLI::App* parent = app.get_parent();
    return app.help(parent == nullptr ? ""
                    : parent == &app_ ? app_.get_name()
                                      : app_.get_name() + " " + parent->get_name());
  }

  /// A command, or one within another: the last one named is run.
  CLI::App* add(const std::string& name, const std::string& summary, std::function<int()> action,
                CLI::App* within = nullptr) {
    CLI::App* command = (within ? within : &app_)->add_subcommand(name, summary);
    command->set_help_flag("-h,--help", "show this help");
    command->add_option("--threads", threads_, "CPU threads; the results do not depend on it")
        ->check(integer_between(1, 4096));
    actions_.emplace_back(command, std::move(action));
    return command;
  }

  static void add_overrides(CLI::App* command, Overrides& overrides) {
    command->add_option("key=value", overrides, "changes to the config")
        ->check([](const std::string& text) {
          return text.find('=') == std::string::npos ? "expected key=value, received `" + text + "`"
                                                     : std::string();
        });
  }

  static void add_weights(CLI::App* command, std::string& weights) {
    command
        ->add_option("--weights", weights,
                     "keep matrices in memory as f32, bf16 or int8: fewer bytes a token")
        ->check(one_of_words(weight_formats));
  }

  void add_train() {
    CLI::App* c = add("train", "train a model from a config, or go on with a run",
                      [this] { return train_command(train_); });
    c->add_option("config", train_.target,
                  "a config; with --resume, the folder of a run, whose own config then holds")
        ->check(not_empty())
        ->required();
    add_overrides(c, train_.overrides);
    c->add_option("--run-dir", train_.run_dir, "folder of the run (default: runs/NAME/TIME-ID)")
        ->check(not_empty());
    c->add_option("--resume", train_.resume, "auto, step=N or a checkpoint: go on with a run")
        ->check(not_empty());
    c->add_option("--init-from", train_.init_from,
                  "a run or checkpoint whose weights a new run starts from: the averaged ones, "
                  "if it kept them (optim.ema)")
        ->check(not_empty());
    c->add_option("--nproc", train_.nproc,
                  "processes on this machine that share every batch (default: 1)")
        ->check(integer_between(1, 1024));
    c->add_flag("-q,--quiet", train_.quiet, "no progress line");
    c->add_flag("--profile", train_.profile, "at the end, each op's share of the steps' time");
  }

  void add_eval() {
    CLI::App* c =
        add("eval", "measure a trained model on a split", [this] { return eval_command(eval_); });
    c->add_option("run", eval_.run, "a run or a checkpoint")->check(not_empty())->required();
    add_overrides(c, eval_.overrides);
    c->add_option("--split", eval_.split,
                  "train, val or test (default: test, or val where there is no test split)")
        ->check(one_of_words({"train", "val", "test"}));
    c->add_flag("--json", eval_.json, "one JSON object");
  }

  void add_predict() {
    CLI::App* c = add("predict", "answer the samples of a file",
                      [this] { return predict_command(predict_); });
    c->add_option("run", predict_.run, "a run or a checkpoint")->check(not_empty())->required();
    c->add_option("file", predict_.file, "samples in the format the run was trained on")
        ->check(not_empty())
        ->required();
    add_overrides(c, predict_.overrides);
    c->add_flag("--json", predict_.json, "one JSON object a sample");
  }

  void add_generate() {
    CLI::App* c =
        add("generate", "continue a text", [this] { return generate_command(generate_); });
    c->add_option("run", generate_.run, "a run or a checkpoint")->check(not_empty())->required();
    add_overrides(c, generate_.overrides);
    c->add_option("--prompt", generate_.prompt, "the text to continue");
    c->option_defaults()->always_capture_default();
    c->add_option("--max-tokens", generate_.max_tokens, "tokens to write")
        ->check(integer_at_least(0));
    c->add_option("--seed", generate_.seed, "of the draws")->check(integer_at_least(0));
    c->add_option("--temperature", generate_.temperature, "0: the likeliest token")
        ->check(number_at_least(0));
    c->add_option("--top-k", generate_.top_k, "only the k likeliest tokens; 0: all")
        ->check(integer_at_least(0));
    c->add_option("--top-p", generate_.top_p, "the likeliest tokens of this probability together")
        ->check(number_between(0, 1));
    c->add_option("--min-p", generate_.min_p,
                  "tokens at least this fraction as likely as the likeliest")
        ->check(number_between(0, 1));
    c->add_option("--repetition-penalty", generate_.repetition_penalty,
                  "above 1: avoid tokens seen before")
        ->check(number_above(0));
    add_weights(c, generate_.weights);
    c->add_flag("--json", generate_.json, "one JSON object with prompt and text");
  }

  void add_config() {
    CLI::App* c = add("config", "print, validate or describe configs",
                      [this] { return config_command(config_); });
    c->add_option("action", config_.action, "print, validate or schema")
        ->required()
        ->check(one_of_words({"print", "validate", "schema"}));
    c->add_option("config", config_.config, "a config")->check(not_empty());
    add_overrides(c, config_.overrides);
  }

  void add_data() {
    CLI::App* c =
        add("data", "fetch a dataset, or look at one", [this] { return data_command(data_); });
    c->add_option("action", data_.action, "fetch or inspect")
        ->required()
        ->check(one_of_words({"fetch", "inspect"}));
    c->add_option("name", data_.name, "the dataset to fetch, or the config whose data is looked at")
        ->check(not_empty())
        ->required();
    add_overrides(c, data_.overrides);
    c->add_option("--from", data_.from, "folder that already holds the files")->check(not_empty());
    c->add_option("--to", data_.to, "folder to put them in (default: below $LONGWAVE_DATA)")
        ->check(not_empty());
    c->add_flag("--json", data_.json, "one JSON object a line");
  }

  void add_ckpt() {
    CLI::App* c =
        add("ckpt", "list, inspect or verify checkpoints", [this] { return ckpt_command(ckpt_); });
    c->add_option("action", ckpt_.action, "ls, inspect or verify")
        ->required()
        ->check(one_of_words({"ls", "inspect", "verify"}));
    c->add_option("path", ckpt_.path, "a run or a checkpoint")->check(not_empty())->required();
    c->add_flag("--json", ckpt_.json, "one JSON object a line");
  }

  void add_inspect() {
    CLI::App* c = add("inspect", "show what the layers of a model, or a HiPPO memory, remember",
                      [this] { return inspect_command(inspect_); });
    c->add_option("run", inspect_.run,
                  "a run, a checkpoint, or a config: its model before training")
        ->check(not_empty());
    c->parse_complete_callback([this, c] {
      if (inspect_.run.empty() && c->get_subcommands().empty()) throw CLI::RequiredError("run");
    });
    add_inspect_hippo(*c);
    add_overrides(c, inspect_.overrides);
    c->add_option("--text", inspect_.text, "what a language model reads (default: a sample)")
        ->check(not_empty());
    c->add_option("--sample", inspect_.sample,
                  "of the test split, or of val or train where there is none, from 0")
        ->check(integer_at_least(0));
    c->add_option("--length", inspect_.length, "of the kernels of a config's model (default: 1024)")
        ->check(integer_between(1, 1 << 20));
    c->add_option("--out", inspect_.out, "folder for pictures and index.html")->check(not_empty());
    c->add_flag("--json", inspect_.json, "one JSON object a layer");
  }

  void add_inspect_hippo(CLI::App& inspect) {
    CLI::App* c = add(
        "hippo", "show what a HiPPO memory keeps of a signal",
        [this] { return inspect_hippo(hippo_); }, &inspect);
    c->option_defaults()->always_capture_default();
    c->add_option("--measure", hippo_.measure,
                  "what of the past counts: legs, legt, lmu, lagt, fout")
        ->check(one_of_words(hippo_memory_measures()));
    c->add_option("--order", hippo_.order, "numbers to remember it in")
        ->check(integer_between(1, 1024));
    c->add_option("--discretization", hippo_.discretization, "forward, backward, bilinear or zoh")
        ->check(one_of_words(sampling_rules()));
    c->add_option("--signal", hippo_.signal, "two_sines, white, steps, or a CSV file")
        ->check(not_empty());
    c->option_defaults()->always_capture_default(false);
    c->add_option("--steps", hippo_.steps, "of the signal (default: 2000, or all rows of the file)")
        ->check(integer_between(1, 10'000'000));
    c->add_option(
         "--window", hippo_.window,
         "of legt, lmu and fout (default: 0.5), or how fast lagt fades (default: 1/order); "
         "the signal lasts 1")
        ->check(number_above(0));
    c->add_option("--out", hippo_.out, "folder for pictures")->check(not_empty());
    c->add_flag("--json", hippo_.json, "one JSON object");
  }

  void add_check() {
    CLI::App* c = add("check", "prove the properties of a layer or of a whole model",
                      [this] { return check_command(check_); });
    c->add_option("what", check_.what, "layer or model")
        ->required()
        ->check(one_of_words({"layer", "model"}));
    c->add_option("name", check_.name, "kind of a layer, or all; or a config")
        ->check(not_empty())
        ->required();
    add_overrides(c, check_.overrides);
    c->add_flag("--json", check_.json, "one JSON object a property");
  }

  void add_bench() {
    CLI::App* c = add("bench", "time an op, a layer, a training step or generation",
                      [this] { return bench_command(bench_); });
    c->add_option("what", bench_.what, "op, layer, step, generate or machine")
        ->required()
        ->check(one_of_words({"op", "layer", "step", "generate", "machine"}));
    c->add_option("name", bench_.name, "an op, a kind of layer, or a config")->check(not_empty());
    add_overrides(c, bench_.overrides);
    c->add_option("--shape", bench_.shape, "of an op or layer: B=4,L=256,D=512,N=16");
    c->add_option("--dtype", bench_.dtype, "f32 or f64")->check(one_of_words({"f32", "f64"}));
    c->add_option("--device", bench_.device, "of an op, a layer or the machine: cpu or cuda")
        ->check(one_of_words({"cpu", "cuda"}));
    add_weights(c, bench_.weights);
    c->add_option("--tokens", bench_.tokens, "of generate: how many")->check(integer_at_least(1));
    c->add_option("--rounds", bench_.rounds, "repetitions to take the medians of")
        ->check(integer_at_least(1));
    c->add_option(
        "--dump", bench_.dump,
        "HDF5 file to write inputs, outputs and gradients to, for others to compare with");
    c->add_flag("--profile", bench_.profile, "of step or generate: each op's share of the time");
    c->add_flag("--json", bench_.json, "one JSON object");
  }

  void add_doctor() {
    CLI::App* c = add("doctor", "what this machine and this build have",
                      [this] { return doctor_command(doctor_json_); });
    c->add_flag("--json", doctor_json_, "one JSON object a line");
  }

  int help_command() {
    if (help_topic_.empty()) {
      std::fputs(app_.help().c_str(), stdout);
      return 0;
    }
    std::vector<std::string> names;
    for (const auto& [command, action] : actions_) {
      names.push_back(command->get_name());
      if (command->get_name() != help_topic_) continue;
      std::fputs(help_of(*command).c_str(), stdout);
      return 0;
    }
    const std::string near = did_you_mean(help_topic_, names);
    throw Error(str("there is no command `", help_topic_, "`",
                    near.empty() ? "" : "\n  did you mean `" + near + "`?"));
  }

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
  bool doctor_json_ = false, version_json_ = false;
  std::string help_topic_;
};

/// Writes an error as lines `place: error: text`; a message that names its own place is written as
/// it is.
void report(const std::string& place, const std::string& message) {
  if (const int rank = ranks().rank(); rank > 0) std::fprintf(stderr, "[rank %d] ", rank);
  const bool placed = message.substr(0, message.find('\n')).find(": error: ") != std::string::npos;
  std::fprintf(stderr, "%s%s\n", placed ? "" : (place + ": error: ").c_str(), message.c_str());
}

/// How the program ends: its exit code, and what went wrong.
struct Ending {
  int code = 0;
  std::string error = {};
};

Ending run_to_the_end(CommandLine& line, int argc, char** argv) {
  try {
    return {line.run(argc, argv)};
  } catch (const Interrupted&) {
    return {exit_preempted};
  } catch (const PeerError& error) {
    return {static_cast<int>(error.kind())};  // the other rank tells
  } catch (const Error& error) {
    return {
        static_cast<int>(error.kind()),
        error.what() + (error.kind() == ErrorKind::memory ? line.memory_remedy() : std::string())};
  } catch (const std::bad_alloc&) {
    return {static_cast<int>(ErrorKind::memory), "out of memory" + line.memory_remedy()};
  } catch (const std::exception& error) {
    return {static_cast<int>(ErrorKind::usage), error.what()};
  }
}

}  // namespace

int run_cli(int argc, char** argv) {
  let_waiting_threads_sleep(argv);
  open_standard_streams();
  install_signal_handlers();
  CommandLine line;
  const Ending ending = run_to_the_end(line, argc, argv);
  return ranks().end(ending.code, ending.error, [&] { report(line.place(), ending.error); });
}

}  // namespace lw
