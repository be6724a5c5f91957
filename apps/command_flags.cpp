// The flags of each command: names, meaning, checks.
#include <algorithm>

#include "apps/command_line.h"
#include "core/error.h"
#include "layers/hippo_memory.h"
#include "layers/weight_format.h"

namespace lw {
namespace {

/// "op, layer and step", with " and " as the last one.
std::string listed(const std::vector<std::string>& words, const std::string& last) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? last : ", ") + words[i];
  return text;
}

}  // namespace

void CommandLine::add_overrides(CLI::App* command, Overrides& overrides) {
  command->add_option("key=value", overrides, "changes to the config")
      ->check([](const std::string& text) {
        if (text.find('=') != std::string::npos) return std::string();
        return "expected key=value, received `" + text + "`" +
               (text.ends_with(".yaml") ? "; a config comes first" : "");
      });
}

CLI::Option* CommandLine::add_weights(CLI::App* command, std::string& weights) {
  return command
      ->add_option("--weights", weights,
                   "keep matrices in memory as f32, bf16 or int8: fewer bytes a token")
      ->check(one_of_words(weight_formats));
}

void CommandLine::add_train() {
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
                "processes on this machine that share every batch, and --threads (default: 1)")
      ->check(integer_between(1, 1024));
  c->add_flag("-q,--quiet", train_.quiet, "neither the table of parameters nor progress lines");
  c->add_flag("--profile", train_.profile, "at the end, each op's share of the steps' time");
}

void CommandLine::add_eval() {
  CLI::App* c =
      add("eval", "measure a trained model on a split", [this] { return eval_command(eval_); });
  c->add_option("run", eval_.run, "a run or a checkpoint")->check(not_empty())->required();
  add_overrides(c, eval_.overrides);
  c->add_option("--split", eval_.split,
                "train, val or test (default: test, or val where there is no test split)")
      ->check(one_of_words({"train", "val", "test"}));
  c->add_flag("--json", eval_.json, "one JSON object");
}

void CommandLine::add_predict() {
  CLI::App* c =
      add("predict", "answer the samples of a file", [this] { return predict_command(predict_); });
  c->add_option("run", predict_.run, "a run or a checkpoint")->check(not_empty())->required();
  c->add_option("file", predict_.file, "samples in the format the run was trained on")
      ->check(not_empty())
      ->required();
  add_overrides(c, predict_.overrides);
  c->add_flag("--json", predict_.json, "one JSON object a sample");
}

void CommandLine::add_generate() {
  CLI::App* c = add("generate", "continue a text", [this] { return generate_command(generate_); });
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

void CommandLine::add_config() {
  CLI::App* c = add("config", "print, validate or describe configs",
                    [this] { return config_command(config_); });
  c->add_option("action", config_.action, "print, validate or schema")
      ->required()
      ->check(one_of_words({"print", "validate", "schema"}));
  c->add_option("config", config_.config, "a config")->check(not_empty());
  add_overrides(c, config_.overrides);
}

void CommandLine::add_data() {
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

void CommandLine::add_ckpt() {
  CLI::App* c =
      add("ckpt", "list, inspect or verify checkpoints", [this] { return ckpt_command(ckpt_); });
  c->add_option("action", ckpt_.action, "ls, inspect or verify")
      ->required()
      ->check(one_of_words({"ls", "inspect", "verify"}));
  c->add_option("path", ckpt_.path, "a run or a checkpoint")->check(not_empty())->required();
  c->add_flag("--json", ckpt_.json, "one JSON object a line");
}

void CommandLine::add_inspect() {
  CLI::App* c = add("inspect", "show what the layers of a model, or a HiPPO memory, remember",
                    [this] { return inspect_command(inspect_); });
  c->add_option("run", inspect_.run, "a run, a checkpoint, or a config: its model before training")
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

void CommandLine::add_inspect_hippo(CLI::App& inspect) {
  CLI::App* c = add(
      "hippo", "show what a HiPPO memory keeps of a signal",
      [this] { return inspect_hippo(hippo_); }, &inspect);
  c->option_defaults()->always_capture_default();
  std::string measures;
  for (const std::string& name : hippo_memory_measures())
    measures += str(measures.empty() ? "" : ", ", name);
  c->add_option("--measure", hippo_.measure, "what of the past counts: " + measures)
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
       "length of a window (default: 0.5); of lagt, which reaches back 4 * order of these, "
       "its unit of time (default: 1/order); the signal lasts 1")
      ->check(number_above(0));
  c->add_option("--out", hippo_.out, "folder for pictures")->check(not_empty());
  c->add_flag("--json", hippo_.json, "one JSON object");
}

void CommandLine::add_check() {
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

void CommandLine::add_bench() {
  CLI::App* c = add("bench", "time an op, a layer, a training step or generation", [this] {
    check_bench_flags();
    return bench_command(bench_);
  });
  c->add_option("what", bench_.what, "op, layer, step, generate or machine")
      ->required()
      ->check(one_of_words({"op", "layer", "step", "generate", "machine"}));
  c->add_option("name", bench_.name, "an op, a kind of layer, or a config")->check(not_empty());
  add_overrides(c, bench_.overrides);
  const auto only_of = [this](const std::vector<std::string>& benches, CLI::Option* flag,
                              const std::string& in_config = "") {
    flag->description(str("of ", listed(benches, " or "), ": ", flag->get_description()));
    bench_flags_.push_back({flag, benches, in_config});
  };
  only_of({"op", "layer"}, c->add_option("--shape", bench_.shape, "B=4,L=256,D=512,N=16"),
          "the sizes are the config's, for example train.batch=8");
  c->option_defaults()->always_capture_default();
  only_of(
      {"op"},
      c->add_option("--dtype", bench_.dtype, "f32 or f64")->check(one_of_words({"f32", "f64"})));
  only_of(
      {"op", "layer", "machine"},
      c->add_option("--device", bench_.device, "cpu or cuda")->check(one_of_words({"cpu", "cuda"})),
      "the config names it, for example device=cuda");
  only_of({"generate"}, add_weights(c, bench_.weights));
  only_of({"generate"},
          c->add_option("--tokens", bench_.tokens, "how many")->check(integer_at_least(1)));
  c->option_defaults()->always_capture_default(false);
  only_of({"op", "layer", "step"},
          c->add_option("--rounds", bench_.rounds,
                        "repetitions to take the medians of (default: 7 of step, else as many as "
                        "fit into a second, and at least 5)")
              ->check(integer_at_least(1)));
  only_of({"op", "layer", "step", "generate"},
          c->add_option("--dump", bench_.dump,
                        "HDF5 file to write what is computed on and what comes of it to, for "
                        "others to compare with"));
  only_of({"step", "generate"},
          c->add_flag("--profile", bench_.profile, "each op's share of the time"));
  c->add_flag("--json", bench_.json, "one JSON object");
}

void CommandLine::check_bench_flags() const {
  const bool by_config = bench_.what == "step" || bench_.what == "generate";
  for (const auto& [flag, benches, in_config] : bench_flags_) {
    const bool takes = std::find(benches.begin(), benches.end(), bench_.what) != benches.end();
    check(takes || flag->count() == 0, "bench ", bench_.what, ": ", flag->get_name(),
          " is for bench ", listed(benches, " and "),
          by_config && !in_config.empty() ? "; here " + in_config : "");
  }
}

void CommandLine::add_doctor() {
  CLI::App* c = add("doctor", "what this machine and this build have",
                    [this] { return doctor_command(doctor_json_); });
  c->add_flag("--json", doctor_json_, "one JSON object a line");
}

}  // namespace lw
