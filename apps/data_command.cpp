// longwave data: datasets fetched, and looked at.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "apps/commands.h"
#include "apps/output.h"
#include "apps/run.h"
#include "apps/signals.h"
#include "data/fetch.h"
#include "data/images.h"

namespace lw {
namespace {

using Line = nlohmann::ordered_json;

Path target_folder(const DataArguments& arguments) {
  if (!arguments.to.empty()) return arguments.to;
  const char* data = std::getenv("LONGWAVE_DATA");
  check(data != nullptr && *data != '\0', "data fetch ", arguments.name,
        ": no folder to put the files in\n  name one with --to DIR, or set LONGWAVE_DATA to the "
        "folder above ",
        arguments.name, "/");
  return Path(data) / arguments.name;
}

int fetch_command(const DataArguments& arguments) {
  check(arguments.overrides.empty(), "data fetch: expected no `",
        arguments.overrides.empty() ? "" : arguments.overrides.front(),
        "`; changes to a config are for data inspect");
  const PinnedDataset& dataset = pinned_dataset(arguments.name);
  const std::vector<FetchedFile> files =
      fetch(dataset, {.to = target_folder(arguments), .from = arguments.from, .poll = [] {
                        throw_if_stop_requested();
                      }});
  for (const FetchedFile& file : files) {
    const char* how = file.how == FetchedFile::How::kept     ? "kept"
                      : file.how == FetchedFile::How::copied ? "copied"
                                                             : "downloaded";
    if (arguments.json) {
      Line line{{"file", file.path.string()}, {"state", how}};
      if (!file.source.empty()) line["source"] = file.source;
      print_json(line);
    } else if (file.how == FetchedFile::How::kept) {
      std::printf("%s is here already, and is the right file\n", file.path.c_str());
    } else {
      std::printf("%s %s from %s\n", file.path.c_str(), how, file.source.c_str());
    }
  }
  return 0;
}

const char* name_of(Task::Target target) {
  return target == Task::Target::label   ? "label"
         : target == Task::Target::token ? "token"
                                         : "value";
}

/// An image as lines of characters, the brighter the denser.
std::vector<std::string> picture(const ImageDataset& images, int64_t index) {
  constexpr std::string_view shades = " .:-=+*#%@";
  const std::span<const uint8_t> pixels = images.pixels(index);
  std::vector<std::string> lines;
  for (int64_t row = 0; row < images.rows(); ++row) {
    std::string line;
    for (int64_t column = 0; column < images.columns(); ++column) {
      const size_t value = pixels[static_cast<size_t>(row * images.columns() + column)];
      line.push_back(shades[value * shades.size() / 256]);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string decoded(const Vocabulary& vocabulary, const Tensor& tokens) {
  std::vector<int64_t> known;
  for (const double token : tokens.to_vector())
    if (token != ignored_target) known.push_back(static_cast<int64_t>(token));
  return vocabulary.decode(known);
}

/// The numbers of a sample: a row a step.
Line numbers(const Tensor& sample) {
  if (sample.rank() == 0) return sample.item();
  Line list = Line::array();
  for (int64_t i = 0; i < sample.size(0); ++i) {
    const Tensor part = sample.select(0, i);
    if (part.rank() > 0)
      list.push_back(numbers(part));
    else if (is_floating(part.dtype()))
      list.push_back(part.item());
    else
      list.push_back(static_cast<int64_t>(part.item()));
  }
  return list;
}

/// The first sample of a split, readably.
Line first_sample(const DataSource& data) {
  const Batch batch = data.train->batch(std::array<int64_t, 1>{0}, /*epoch=*/0);
  const Tensor input = batch.inputs.select(0, 0), target = batch.targets.select(0, 0);
  Line sample;
  if (const auto* images = dynamic_cast<const ImageDataset*>(data.train.get())) {
    sample["label"] = static_cast<int64_t>(target.item());
    sample["picture"] = picture(*images, 0);
  } else if (data.vocabulary) {
    sample["text"] = decoded(*data.vocabulary, input);
    sample["target"] = decoded(*data.vocabulary, target);
  } else {
    sample["inputs"] = numbers(input);
    sample["targets"] = numbers(target);
  }
  return sample;
}

Line summary(const RunConfig& config, const DataSource& data) {
  const Task& task = data.task;
  Line line{{"kind", config.data.kind.kind()},
            {"target", name_of(task.target)},
            {"length", task.length},
            {task.target == Task::Target::value ? "values" : "classes", task.classes}};
  if (task.vocabulary > 0) line["vocabulary"] = task.vocabulary;
  if (task.features > 0) line["features"] = task.features;
  if (task.horizon > 0) line["horizon"] = task.horizon;
  line["language_model"] = task.autoregressive;
  line["train"] = data.train->size();
  line["val"] = data.val ? data.val->size() : 0;
  line["test"] = data.test ? data.test->size() : 0;
  line["fingerprint"] = data.fingerprint;
  return line;
}

/// A value of the sample as text: pictures and steps in lines, the middle of long ones left out.
void print_value(const std::string& name, const Line& value) {
  constexpr size_t most = 64;
  if (!value.is_array()) {
    std::printf("%-15s %s\n", name.c_str(), dump(value).c_str());
    return;
  }
  std::printf("%s\n", name.c_str());
  const bool flat = std::none_of(value.begin(), value.end(),
                                 [](const Line& x) { return x.is_array() || x.is_string(); });
  std::string row = "  ";
  for (size_t i = 0; i < std::min(value.size(), most); ++i) {
    const std::string text = value[i].is_string() ? value[i].get<std::string>() : dump(value[i]);
    if (!flat)
      std::printf("  %s\n", text.c_str());
    else
      row += text + " ";
  }
  if (flat) std::printf("%s%s\n", row.c_str(), value.size() > most ? "..." : "");
  if (!flat && value.size() > most) std::printf("  ... and %zu more\n", value.size() - most);
}

int inspect_command(const DataArguments& arguments) {
  check(arguments.from.empty() && arguments.to.empty(),
        "data inspect: --from and --to are for data fetch");
  const RunConfig config = load_config(arguments.name, arguments.overrides);
  const DataSource data = open_data(config);
  Line line = summary(config, data);
  const Line sample = first_sample(data);
  if (arguments.json) {
    line["sample"] = sample;
    print_json(line);
    return 0;
  }
  for (const auto& [name, value] : line.items())
    std::printf("%-15s %s\n", name.c_str(),
                value.is_string() ? value.get<std::string>().c_str() : dump(value).c_str());
  std::printf("\nthe first training sample\n");
  for (const auto& [name, value] : sample.items()) print_value(name, value);
  return 0;
}

}  // namespace

int data_command(const DataArguments& arguments) {
  if (arguments.action == "fetch") return fetch_command(arguments);
  check(arguments.action == "inspect", "data: expected fetch or inspect, received `",
        arguments.action, "`");
  return inspect_command(arguments);
}

}  // namespace lw
