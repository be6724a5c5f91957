// longwave inspect: what the layers of a model remember, trained or as they start, in figures and pictures.
#include <cmath>

#include "apps/commands.h"
#include "apps/memory_charts.h"
#include "apps/output.h"
#include "apps/run.h"
#include "apps/signals.h"

namespace lw {
namespace {

/// What the model reads, and the names of its steps.
struct Input {
  Tensor values;  ///< [1, time] tokens or [1, time, feature]
  std::vector<std::string> labels;
};

/// How a token is shown where there is room for a character: what has no shape of its own has a sign.
std::string token_label(const Vocabulary* vocabulary, int64_t token) {
  if (vocabulary == nullptr) return str(token);
  const std::string text = vocabulary->decode(std::span(&token, 1));
  if (text == " ") return "\u00b7";
  if (text == "\n") return "\u21b5";
  const bool control = text.empty() || static_cast<unsigned char>(text[0]) < ' ' || text[0] == 127;
  const bool part_of_character = dump(text).find("\ufffd") != std::string::npos;
  return control || part_of_character ? "\u2022" : text;
}

Input input_of_text(const TrainedRun& run, const std::string& text) {
  check(run.data.vocabulary != nullptr && run.data.task.vocabulary > 0,
        "--text: this model reads no text, but samples of ", run.config.data.kind.kind());
  const std::vector<int64_t> tokens = run.data.vocabulary->encode(text);
  Input input{Tensor::from({1, static_cast<int64_t>(tokens.size())}, std::span(tokens)), {}};
  for (const int64_t token : tokens)
    input.labels.push_back(token_label(run.data.vocabulary.get(), token));
  return input;
}

Input input_of_sample(const TrainedRun& run, int64_t index) {
  const Dataset& split = run.data.test  ? *run.data.test
                         : run.data.val ? *run.data.val
                                        : *run.data.train;
  check(index < split.size(), "--sample ", index, ": there are ", split.size(), " samples, from 0");
  const Batch batch = split.batch(std::span(&index, 1), 0);
  const auto length =  // without what pads it
      batch.lengths ? static_cast<int64_t>(batch.lengths.at({0})) : batch.inputs.size(1);
  const Tensor values = batch.inputs.slice(1, 0, length);
  Input input{values, {}};
  for (int64_t t = 0; t < values.size(1); ++t)
    input.labels.push_back(
        run.data.task.vocabulary > 0
            ? token_label(run.data.vocabulary.get(), static_cast<int64_t>(values.at({0, t})))
        : t % 10 == 0 ? str(t)
                      : "");
  return input;
}

/// Least, middle and largest.
nlohmann::ordered_json range_of(const std::vector<double>& values) {
  return {quantile(values, 0), quantile(values, 0.5), quantile(values, 1)};
}

void print_layer(const LayerMemory& memory, bool json) {
  nlohmann::ordered_json line{{"layer", memory.layer},
                              {"kind", memory.selection ? "selective" : "time-invariant"},
                              {"channels", memory.steps.size()},
                              {"memory_steps", range_of(memory.steps)}};
  if (std::isfinite(memory.uncertain_from)) {
    nlohmann::ordered_json lower_bounds;
    for (const double share : {0., 0.5, 1.})
      lower_bounds.push_back(quantile(memory.steps, share) >= memory.uncertain_from);
    line["lower_bounds"] = lower_bounds;
  }
  if (!memory.step_sizes().empty()) line["step_sizes"] = range_of(memory.step_sizes());
  if (memory.dynamics) {
    std::vector<double> radii;
    for (const complex128 pole : memory.dynamics->poles) radii.push_back(std::abs(pole));
    line["pole_radii"] = range_of(radii);
  }
  if (json) return print_json(line);
  const auto three = [&](const char* name, const char* key) {
    if (!line.contains(key)) return;
    const auto& range = line[key];
    std::printf("  %-18s %10.4g %10.4g %10.4g\n", name, range[0].get<double>(),
                range[1].get<double>(), range[2].get<double>());
  };
  std::printf("layer %lld, %s, %zu channels %s\n", static_cast<long long>(memory.layer),
              line["kind"].get<std::string>().c_str(), memory.steps.size(),
              memory.layer == 0 ? "(least, middle, largest)" : "");
  std::printf("  %-18s %10s %10s %10s\n", "steps remembered", steps_text(memory, 0).c_str(),
              steps_text(memory, 0.5).c_str(), steps_text(memory, 1).c_str());
  three("step sizes", "step_sizes");
  three("|pole|", "pole_radii");
}

/// What was looked at.
struct Sight {
  std::string name, kind, state;  ///< the config's, the layer's; which weights
  std::vector<LayerMemory> layers;
  std::vector<std::string> labels;  ///< of the steps of the input
};

Sight of_run(const InspectArguments& arguments) {
  const bool reads_text = !arguments.text.empty();
  check(!arguments.length, "--length: ", arguments.run,
        " is a run, whose kernels are drawn as long as its input\n  it goes with a config");
  check(!reads_text || !arguments.sample,
        "--text and --sample: a model reads one or the other; leave one out");
  const TrainedRun run =
      open_run(arguments.run, arguments.overrides, reads_text ? Corpus::unread : Corpus::read);
  const Input input = reads_text ? input_of_text(run, arguments.text)
                                 : input_of_sample(run, arguments.sample.value_or(0));
  return {run.config.name, run.config.model.layer.kind(), run.checkpoint.filename().string(),
          memory_of(*run.model, input.values), input.labels};
}

/// The model of a config before it is trained, which needs no data: it reads a signal of zeros.
Sight of_config(const InspectArguments& arguments) {
  check(arguments.text.empty(), "--text: ", arguments.run,
        " is a config, whose model has not learned to read");
  check(!arguments.sample, "--sample: ", arguments.run,
        " is a config, whose model reads zeros before it is trained\n  it goes with a run");
  const RunConfig config = load_config(arguments.run, arguments.overrides);
  const Model model(config.model, {.features = 1, .outputs = 1},
                    Random(static_cast<uint64_t>(config.seed)).fork("model"));
  const std::string kind = config.model.layer.kind();
  for (const Block* block : model.blocks())
    check(dynamic_cast<const Selective*>(&block->layer()) == nullptr, kind,
          " has no memory of its own that could be shown before it is trained\n  train it, and "
          "inspect the run");
  return {
      config.name,
      kind,
      "before training",
      memory_of(model, Tensor::zeros({1, arguments.length.value_or(1024), 1}, DType::f32, host)),
      {}};
}

void write_pictures(const Path& folder, const Sight& sight) {
  make_directories(folder);
  bool selects = false;
  for (const LayerMemory& memory : sight.layers) {
    const std::vector<Chart> charts = charts_of(memory);
    write_file(folder / str("layer-", memory.layer, ".svg"), svg(charts, 2));
    selects = selects || memory.selection;
  }
  if (selects) write_file(folder / "selection.svg", selection_svg(sight.layers, sight.labels));
  const std::string subtitle = str(sight.kind, ", ", sight.layers.size(), " layers, ", sight.state);
  write_file(folder / "index.html", memory_page(sight.name, subtitle, sight.layers, sight.labels));
  std::fprintf(stderr, "%s\n", (folder / "index.html").c_str());
}

}  // namespace

int inspect_command(const InspectArguments& arguments) {
  end_at_first_signal();
  const Sight sight =
      std::filesystem::is_regular_file(arguments.run) ? of_config(arguments) : of_run(arguments);
  check(!sight.layers.empty(), "layers of kind ", sight.kind,
        " tell nothing of what they remember, trained or not\n  state-space layers do; "
        "layers/dynamics.h says how another would");
  if (!arguments.out.empty()) write_pictures(arguments.out, sight);
  for (const LayerMemory& memory : sight.layers) print_layer(memory, arguments.json);
  return 0;
}

}  // namespace lw
