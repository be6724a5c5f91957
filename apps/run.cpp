#include "apps/run.h"

#include "core/config.h"
#include "core/log.h"

namespace lw {
namespace {

RunConfig read(const Config& config) {
  RunConfig run;
  config.read(run);
  check_device(run);
  check(run.name.find('/') == std::string::npos && run.name != "." && run.name != "..", "name: `",
        run.name, "` cannot name a folder: it may hold no `/`");
  return run;
}

Path absolute_path(const Path& path) { return std::filesystem::absolute(path).lexically_normal(); }

/// Refuses data whose tokens have other numbers than in training, and warns of data that changed.
void compare_data(const TrainedRun& run, const CheckpointContent& content) {
  const std::string place = run.checkpoint.string();
  const auto vocabulary = content.attributes.find("vocabulary");
  if (vocabulary != content.attributes.end() && run.data.vocabulary &&
      std::get<std::string>(vocabulary->second) != run.data.vocabulary->serialize())
    throw Error(str(place,
                    ": error: the model was trained on a text of other characters\n  put the "
                    "text back, or name the folder that holds it with data.root=DIR"),
                ErrorKind::data);
  if (!content.data_fingerprint.empty() && content.data_fingerprint != run.data.fingerprint)
    log_warning(str(place, ": the data have changed since the model was trained"));
}

}  // namespace

void check_device(const RunConfig& config) {
  check(config.device == "cpu", "device: ", config.device,
        " is not available: this build has no CUDA\n  use device=cpu");
}

RunConfig load_config(const Path& file, const Overrides& overrides, std::string* resolved) {
  const Config config = Config::load(file, overrides);
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
  const CheckpointContent content = load_checkpoint(checkpoint, {.model_only = true});
  const Config config =
      Config::parse(content.config, (checkpoint / "model.h5").string() + "/config", overrides);
  RunConfig run = read(config);
  const auto kept = content.attributes.find("data_root");
  if (!run.data.root.empty()) {
    run.data.root = absolute_path(run.data.root);
  } else if (kept != content.attributes.end()) {
    run.data.root = std::get<std::string>(kept->second);
  }
  if (resolved != nullptr) *resolved = config.resolved(run);
  return run;
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

TrainedRun open_run(const Path& run_or_checkpoint, const Overrides& overrides) {
  TrainedRun run;
  run.checkpoint = find_checkpoint(run_or_checkpoint);
  run.config = config_of_checkpoint(run.checkpoint, overrides);
  run.data = open_data(run.config);
  run.model = make_model(run.config, run.data.task);

  const CheckpointContent content = load_checkpoint(
      run.checkpoint,
      {.params = parameter_specs(*run.model), .model_only = run.config.optim.ema == 0});
  compare_data(run, content);
  for (const Parameter& p : run.model->parameters()) {
    const auto kept = content.optimizer.tensors.find(p.name);
    const bool averaged =
        kept != content.optimizer.tensors.end() && kept->second.contains("average");
    Tensor target = p.value.value();
    target.copy_from(averaged ? kept->second.at("average") : content.params.at(p.name).value);
  }
  for (const Layer::Buffer& b : run.model->buffers()) {
    Tensor target = b.value;
    if (content.buffers.contains(b.name)) target.copy_from(content.buffers.at(b.name).value);
  }
  return run;
}

}  // namespace lw
