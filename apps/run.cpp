#include "apps/run.h"

#include <algorithm>
#include <functional>

#include "apps/run_lookup.h"
#include "core/communicator.h"
#include "core/config.h"
#include "core/device_runtime.h"
#include "core/log.h"
#include "data/loader.h"
#include "data/text.h"

namespace lw {
namespace {

/// The options, and what they get wrong together as far as that can be told without the data.
RunConfig read(Config& config) {
  config.keep_later("train.steps", "train.epochs");
  RunConfig run;
  config.read(run);
  std::vector<Config::Mistake> mistakes;
  const auto check_together = [&](const std::vector<std::string>& keys,
                                  const std::function<void()>& test) {
    try {
      test();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) return;  // memory: the command needs more or less of it
      mistakes.push_back({keys, error.what()});
    }
  };
  check_together({"train.steps", "train.epochs"},
                 [&] { total_steps(run.train, /*steps_per_epoch=*/1); });
  check_together({"train.batch", "train.accumulate"}, [&] {
    check_division({.batch = run.train.batch, .accumulate = run.train.accumulate});
  });
  check_together({"optim.schedule.warmup", "optim.schedule.warmup_fraction"},
                 [&] { run.optim.schedule.check_warmup(); });
  check_together({"optim.schedule.kind"}, [&] { run.optim.schedule.check_drops(); });
  check_together({"optim.betas", "optim.nesterov", "optim.kind"},
                 [&] { run.optim.make(FlatParameters(Parameters{})); });
  check_together({"name"}, [&] {
    check(run.name.find('/') == std::string::npos && run.name != "." && run.name != "..", "name: `",
          run.name, "` cannot name a folder: it may hold no `/`");
  });
  check_together({"model.layer", "model.d_model"}, [&] {
    const DeviceScope cpu(host);
    run.model.layer.build({.d_model = run.model.d_model, .n_layers = run.model.n_layers},
                          Random(0));
  });
  config.refuse(mistakes);
  return run;
}

/// The vocabulary of a language model; null for other models.
std::shared_ptr<const Vocabulary> vocabulary_of(const Attributes& attributes) {
  const auto kept = attributes.find("vocabulary");
  if (kept == attributes.end()) return nullptr;
  return vocabulary_from(std::get<std::string>(kept->second));
}

/// "256 bytes" or "65 characters".
std::string size_text(const Vocabulary& vocabulary) {
  return str(vocabulary.size(), vocabulary.serialize() == "bytes" ? " bytes" : " characters");
}

/// Whether overrides ask for other data than the run's own; the same files in another folder are its own.
bool ask_for_other_data(const Overrides& overrides) {
  return std::any_of(overrides.begin(), overrides.end(), [](const std::string& override) {
    return override.starts_with("seed=") ||
           (override.starts_with("data") && !override.starts_with("data.root="));
  });
}

RunConfig config_of(const CheckpointContent& content, const Path& checkpoint,
                    const Overrides& overrides, std::string* resolved = nullptr) {
  Config config =
      Config::parse(content.config, (checkpoint / "model.h5").string() + "/config", overrides);
  RunConfig run = read(config);
  const auto kept = content.attributes.find("data_root");
  if (!run.data.root.empty()) {
    run.data.root = absolute_path(run.data.root);
  } else if (kept != content.attributes.end()) {
    run.data.root = std::get<std::string>(kept->second);
  }
  check_length(checkpoint, content, run);
  if (resolved != nullptr) *resolved = config.resolved(run);
  return run;
}

}  // namespace

Device device_of(const std::string& name) {
  Device device;
  if (name == "cuda") {  // of several processes on a machine, each takes the next GPU
    device.kind = DeviceKind::cuda;
    device.index = rank_environment().local_rank % std::max(1, device_count(device.kind));
  }
  const std::string missing = why_missing(device);
  check(missing.empty(), "device: ", name, " is not available: ", missing, "\n  use device=cpu");
  return device;
}

RunConfig load_config(const Path& file, const Overrides& overrides, std::string* resolved) {
  Config config = Config::load(file, overrides);
  RunConfig run = read(config);
  if (const Path root = run.data.root; !root.empty() && root.is_relative()) {
    const std::string source = config.source_of("data.root");  // FILE:LINE, or override
    const size_t colon = source.rfind(':');
    const Path base =
        colon == std::string::npos ? Path() : Path(source.substr(0, colon)).parent_path();
    run.data.root = absolute_path(base / root);
  }
  if (resolved != nullptr) *resolved = config.resolved(run);
  return run;
}

RunConfig config_of_checkpoint(const Path& checkpoint, const Overrides& overrides,
                               std::string* resolved) {
  return config_of(load_checkpoint(checkpoint, {.model_only = true}), checkpoint, overrides,
                   resolved);
}

std::string portable_config(RunConfig config) {
  config.data.root.clear();
  return resolved_config(config);
}

std::vector<TensorSpec> parameter_specs(const Model& model) {
  std::vector<TensorSpec> specs;
  for (const Parameter& p : model.parameters())
    specs.push_back({p.name, p.value.shape(), p.value.dtype()});
  return specs;
}

void load_weights(const Model& model, const CheckpointContent& content) {
  for (const Parameter& p : model.parameters()) {
    const auto kept = content.optimizer.tensors.find(p.name);
    const bool averaged =
        kept != content.optimizer.tensors.end() && kept->second.contains("average");
    Tensor target = p.value.value();
    target.copy_from(averaged ? kept->second.at("average") : content.params.at(p.name).value);
  }
  for (const Layer::Buffer& b : model.buffers()) {
    Tensor target = b.value;
    if (content.buffers.contains(b.name)) target.copy_from(content.buffers.at(b.name).value);
  }
}

void check_length(const Path& checkpoint, const CheckpointContent& content,
                  const RunConfig& config) {
  for (const ConfigChange& change : config_changes(content.config, portable_config(config)))
    check(change.key != "model.l_max" || change.before.empty() || change.now.empty(),
          checkpoint.string(), ": error: its weights belong to model.l_max = ", change.before,
          ", and would mean something else with ", change.now, "\n  leave it at ", change.before,
          ": layers that read forwards take inputs of any length");
}

void check_vocabulary(const Path& checkpoint, const Attributes& attributes, const DataSource& data,
                      const std::string& remedy) {
  const std::shared_ptr<const Vocabulary> known = vocabulary_of(attributes);
  if (!known || !data.vocabulary || known->serialize() == data.vocabulary->serialize()) return;
  throw Error(str(checkpoint.string(), ": error: the tokens of the model are ", size_text(*known),
                  ", those of the data ", size_text(*data.vocabulary),
                  known->size() == data.vocabulary->size() ? ", but others" : "", "\n  ", remedy),
              ErrorKind::data);
}

TrainedRun open_run(const Path& run_or_checkpoint, const Overrides& overrides, Corpus corpus) {
  TrainedRun run;
  run.checkpoint = find_checkpoint(run_or_checkpoint);
  const CheckpointContent head = load_checkpoint(run.checkpoint, {.model_only = true});
  run.config = config_of(head, run.checkpoint, overrides);
  run.data.vocabulary = vocabulary_of(head.attributes);
  if (run.data.vocabulary && corpus == Corpus::unread) {
    run.data.task = language_task(*run.data.vocabulary, /*length=*/0);
  } else {
    run.data = open_data(run.config);
    check_vocabulary(run.checkpoint, head.attributes, run.data,
                     "put the text back, or name the folder that holds it with data.root=DIR");
    if (!head.data_fingerprint.empty() && !ask_for_other_data(overrides) &&
        !same_data(head.data_fingerprint, run.data.fingerprint))
      log_warning(
          str(run.checkpoint.string(), ": the data have changed since the model was trained"));
  }
  run.device = std::make_unique<DeviceScope>(device_of(run.config.device));
  run.model = make_model(run.config, run.data.task);
  load_weights(*run.model,
               load_checkpoint(run.checkpoint, {.params = parameter_specs(*run.model),
                                                .model_only = run.config.optim.ema == 0}));
  return run;
}

}  // namespace lw
