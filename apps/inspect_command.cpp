// longwave inspect: what the layers of a trained model remember, in figures and pictures.
#include "apps/commands.h"
#include "apps/memory_charts.h"
#include "apps/output.h"
#include "apps/run.h"

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
  const Tensor values = split.batch(std::span(&index, 1), 0).inputs;
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
  three("steps remembered", "memory_steps");
  three("step sizes", "step_sizes");
  three("|pole|", "pole_radii");
}

void write_pictures(const Path& folder, const TrainedRun& run,
                    const std::vector<LayerMemory>& layers, const Input& input) {
  make_directories(folder);
  bool selects = false;
  for (const LayerMemory& memory : layers) {
    const std::vector<Chart> charts = charts_of(memory);
    write_file(folder / str("layer-", memory.layer, ".svg"), svg(charts, charts.size()));
    selects = selects || memory.selection;
  }
  if (selects) write_file(folder / "selection.svg", selection_svg(layers, input.labels));
  const std::string subtitle =
      str(run.config.model.layer.kind(), ", ", layers.size(), " layers, ",
          run.checkpoint.filename().string(), ", an input of ", input.values.size(1), " steps");
  write_file(folder / "index.html", memory_page(run.config.name, subtitle, layers, input.labels));
  std::fprintf(stderr, "%s\n", (folder / "index.html").c_str());
}

}  // namespace

int inspect_command(const InspectArguments& arguments) {
  const bool reads_text = !arguments.text.empty();
  const TrainedRun run =
      open_run(arguments.run, arguments.overrides, reads_text ? Corpus::unread : Corpus::read);
  const Input input =
      reads_text ? input_of_text(run, arguments.text) : input_of_sample(run, arguments.sample);
  const std::vector<LayerMemory> layers = memory_of(*run.model, input.values);
  check(!layers.empty(), "inspect: layers of kind ", run.config.model.layer.kind(),
        " tell nothing of what they remember");
  if (!arguments.out.empty()) write_pictures(arguments.out, run, layers, input);
  for (const LayerMemory& memory : layers) print_layer(memory, arguments.json);
  return 0;
}

}  // namespace lw
