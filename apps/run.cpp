#include "apps/run.h"

#include "apps/checkpoint.h"
#include "core/config.h"

namespace lw {
namespace {

RunConfig read(const Config& config, std::string* resolved) {
  RunConfig run;
  config.read(run);
  check_device(run);
  check(run.name.find('/') == std::string::npos && run.name != "." && run.name != "..", "name: `",
        run.name, "` cannot name a folder: it may hold no `/`");
  if (resolved != nullptr) *resolved = config.resolved(run);
  return run;
}

}  // namespace

void check_device(const RunConfig& config) {
  check(config.device == "cpu", "device: ", config.device,
        " is not available: this build has no CUDA\n  use device=cpu");
}

RunConfig load_config(const Path& file, const Overrides& overrides, std::string* resolved) {
  const Config config = Config::load(file, overrides);
  RunConfig run = read(config, resolved);
  if (const Path root = run.data.root; !root.empty() && root.is_relative()) {
    const std::string source = config.source_of("data.root");  // FILE:LINE, or override
    const size_t colon = source.rfind(':');
    const Path base =
        colon == std::string::npos ? Path() : Path(source.substr(0, colon)).parent_path();
    run.data.root = std::filesystem::absolute(base / root).lexically_normal().string();
  }
  return run;
}

RunConfig config_of_checkpoint(const Path& checkpoint, const Overrides& overrides,
                               std::string* resolved) {
  const std::string text = load_checkpoint(checkpoint, {.model_only = true}).config;
  return read(Config::parse(text, (checkpoint / "model.h5").string() + "/config", overrides),
              resolved);
}

TrainedRun open_run(const Path& run_or_checkpoint, const Overrides& overrides) {
  TrainedRun run;
  run.checkpoint = find_checkpoint(run_or_checkpoint);
  run.config = config_of_checkpoint(run.checkpoint, overrides);
  run.data = open_data(run.config);
  run.model = make_model(run.config, run.data.task);

  std::vector<TensorSpec> expected;
  for (const Parameter& p : run.model->parameters())
    expected.push_back({p.name, p.value.shape(), p.value.dtype()});
  const CheckpointContent content = load_checkpoint(
      run.checkpoint, {.params = expected, .model_only = run.config.optim.ema == 0});
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
