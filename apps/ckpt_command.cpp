// longwave ckpt: the checkpoints of a run listed, looked into, verified.
#include <cstdio>

#include "apps/checkpoint.h"
#include "apps/commands.h"
#include "apps/output.h"
#include "apps/run_lookup.h"
#include "apps/signals.h"
#include "core/error.h"
#include "core/json.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

using Line = nlohmann::ordered_json;

int64_t bytes_of(const Path& checkpoint) {
  int64_t bytes = 0;
  for (const std::string& name : list_directory(checkpoint))
    if (fs::is_regular_file(checkpoint / name))
      bytes += static_cast<int64_t>(fs::file_size(checkpoint / name));
  return bytes;
}

/// Whether the link `name` beside a checkpoint points to it.
bool is_marked(const Path& checkpoint, const char* name) {
  std::error_code none;
  return fs::read_symlink(checkpoint.parent_path() / name, none).filename() ==
         checkpoint.filename();
}

int list(const CkptArguments& arguments) {
  const std::vector<CheckpointEntry> entries = find_checkpoints(arguments.path);
  if (!arguments.json) std::printf("%10s  %10s  state\n", "step", "size");
  for (const CheckpointEntry& entry : entries) {
    throw_if_stop_requested();
    const std::string problem = text_of(verify_checkpoint(entry.path));
    const bool latest = is_marked(entry.path, "latest"), best = is_marked(entry.path, "best");
    const int64_t bytes = bytes_of(entry.path);
    if (arguments.json) {
      Line line{{"step", entry.step}, {"bytes", bytes}, {"ok", problem.empty()},
                {"latest", latest},   {"best", best},   {"path", entry.path.string()}};
      if (!problem.empty()) line["problem"] = problem;
      print_json(line);
    } else {
      std::printf("%10lld  %10s  %s%s%s\n", static_cast<long long>(entry.step),
                  text_of_bytes(bytes).c_str(),
                  problem.empty() ? "good" : ("bad: " + problem).c_str(), latest ? ", latest" : "",
                  best ? ", best" : "");
    }
  }
  return 0;
}

int verify(const CkptArguments& arguments) {
  const std::vector<CheckpointEntry> entries = find_checkpoints(arguments.path);
  std::string errors;
  for (const CheckpointEntry& entry : entries) {
    throw_if_stop_requested();
    const std::vector<CheckpointProblem> problems = verify_checkpoint(entry.path);
    for (const CheckpointProblem& problem : problems)
      errors += str(errors.empty() ? "" : "\n", (entry.path / problem.file).string(),
                    ": error: ", problem.text);
    if (!arguments.json) continue;
    Line line{{"step", entry.step}, {"path", entry.path.string()}, {"ok", problems.empty()}};
    line["problems"] = Line::array();
    for (const CheckpointProblem& problem : problems)
      line["problems"].push_back({{"file", problem.file}, {"text", problem.text}});
    print_json(line);
  }
  if (!errors.empty()) throw Error(errors, ErrorKind::data);
  if (!arguments.json) std::printf("%zu checkpoints verified\n", entries.size());
  return 0;
}

Line json_of(const Attributes& attributes) {
  Line object = Line::object();
  for (const auto& [name, value] : attributes)
    std::visit([&, &name = name](const auto& v) { object[name] = v; }, value);
  return object;
}

Line json_of(const Shape& shape) {
  Line sizes = Line::array();
  for (const int64_t size : shape) sizes.push_back(size);
  return sizes;
}

/// One part of what a checkpoint holds: a line of JSON, or of text.
class Report {
 public:
  explicit Report(bool json) : json_(json) {}

  void heading(const std::string& text) const {
    if (!json_) std::printf("\n%s\n", text.c_str());
  }
  void tensor(const char* part, const std::string& name, const Tensor& value,
              const std::string& role = "") const {
    if (json_) {
      Line line{{"part", part},
                {"name", name},
                {"shape", json_of(value.shape())},
                {"dtype", name_of(value.dtype())}};
      if (!role.empty()) line["role"] = role;
      print_json(line);
    } else {
      std::printf("  %-44s %-5s %-20s %s\n", name.c_str(), str(value.dtype()).c_str(),
                  str(value.shape()).c_str(), role.c_str());
    }
  }
  void attributes(const char* part, const std::string& name, const Attributes& values) const {
    const Line object = json_of(values);
    if (json_)
      print_json({{"part", part}, {"name", name}, {"values", object}});
    else
      for (const auto& [key, value] : object.items())
        std::printf("  %-44s %s\n", (name + "." + key).c_str(), dump(value).c_str());
  }

 private:
  bool json_;
};

int inspect(const CkptArguments& arguments) {
  const Path folder = find_checkpoint(arguments.path);
  const CheckpointContent content = load_checkpoint(folder);
  int64_t parameters = 0;
  for (const auto& [name, stored] : content.params) parameters += stored.value.numel();
  const Report report(arguments.json);
  if (arguments.json) {
    print_json({{"part", "checkpoint"},
                {"path", folder.string()},
                {"step", content.step},
                {"bytes", bytes_of(folder)},
                {"parameters", parameters},
                {"data_fingerprint", content.data_fingerprint}});
    print_json({{"part", "config"}, {"text", content.config}});
  } else {
    std::printf(
        "checkpoint    %s\nstep          %lld\nsize          %s\nparameters    %lld\n"
        "data          %s\n",
        folder.c_str(), static_cast<long long>(content.step),
        text_of_bytes(bytes_of(folder)).c_str(), static_cast<long long>(parameters),
        content.data_fingerprint.c_str());
    std::printf("\nconfig\n%s", content.config.c_str());
  }
  report.heading("parameters");
  for (const auto& [name, stored] : content.params) {
    const auto role = stored.attributes.find("role");
    const auto* text =
        role == stored.attributes.end() ? nullptr : std::get_if<std::string>(&role->second);
    report.tensor("parameter", name, stored.value, text == nullptr ? "" : *text);
  }
  if (!content.buffers.empty()) report.heading("buffers");
  for (const auto& [name, stored] : content.buffers) report.tensor("buffer", name, stored.value);
  report.heading("optimizer " + content.optimizer.type);
  report.attributes("optimizer", content.optimizer.type, content.optimizer.attributes);
  for (size_t i = 0; i < content.optimizer.groups.size(); ++i)
    report.attributes("group", std::to_string(i), content.optimizer.groups[i]);
  for (const auto& [name, slots] : content.optimizer.tensors)
    for (const auto& [slot, value] : slots) report.tensor("slot", name + "/" + slot, value);
  report.heading("state");
  report.attributes("attributes", "model", content.attributes);
  for (const auto& [name, group] : content.state) {
    report.attributes("state", name, group.attributes);
    for (const auto& [key, value] : group.tensors) report.tensor("state", name + "/" + key, value);
  }
  return 0;
}

}  // namespace

int ckpt_command(const CkptArguments& arguments) {
  if (arguments.action == "ls") return list(arguments);
  if (arguments.action == "inspect") return inspect(arguments);
  check(arguments.action == "verify", "ckpt: expected ls, inspect or verify, received `",
        arguments.action, "`");
  return verify(arguments);
}

}  // namespace lw
