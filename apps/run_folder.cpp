#include "apps/run_folder.h"

#include <cstdio>
#include <ctime>
#include <random>

#include "apps/checkpoint.h"
#include "apps/output.h"
#include "core/config.h"
#include "core/error.h"
#include "core/log.h"

namespace lw {
namespace {

/// 20261122-101500-k3f9: sorts by time, and two runs of one second differ.
std::string fresh_id() {
  char time_text[32];
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  std::strftime(time_text, sizeof time_text, "%Y%m%d-%H%M%S-", localtime_r(&now, &local));
  std::random_device device;
  std::string id = time_text;
  for (int i = 0; i < 4; ++i) id += "0123456789abcdefghijklmnopqrstuvwxyz"[device() % 36];
  return id;
}

}  // namespace

bool is_run(const Path& path) {
  return std::filesystem::exists(path / "config.resolved.yaml") || !list_checkpoints(path).empty();
}

RunFolder::RunFolder(Path path) : path_(std::move(path)) {
  lock_ = std::make_unique<FileLock>(path_ / "LOCK", "the run " + path_.string());
}

void check_no_run(const Path& path) {
  check(!is_run(path), path.string(),
        ": error: this folder holds a run already\n  give another --run-dir, or go on with it: "
        "longwave train --resume auto ",
        path.string());
}

RunFolder RunFolder::create(const Path& path, const std::string& name,
                            const std::string& resolved_config, const Path& init_from) {
  const Path folder = path.empty() ? Path("runs") / name / fresh_id() : path;
  check_no_run(folder);
  make_directories(folder);
  RunFolder run(folder);
  check_no_run(folder);  // made by another process in the meantime
  run.init_from_ = init_from.empty() ? Path() : std::filesystem::absolute(init_from);
  run.make_parts();
  run.set_state("running");
  write_file(folder / "config.resolved.yaml", resolved_config);  // from now on it is a run
  return run;
}

RunFolder RunFolder::open(const Path& path) {
  RunFolder run(path);
  if (const Path file = path / "RUN.json"; std::filesystem::exists(file)) {
    const std::string place = file.string();
    const Json json = parse_json(read_file(file), place);
    run.restarts_ = json_member<int64_t>(json, "restarts", place);
    if (json.contains("init_from"))
      run.init_from_ = json_member<std::string>(json, "init_from", place);
  }
  return run;
}

void RunFolder::resume(const std::string& resolved_config) {
  make_parts();
  ++restarts_;
  const Path config = path_ / "config.resolved.yaml";
  const std::string before = std::filesystem::exists(config) ? read_file(config) : "";
  const std::vector<ConfigChange> changes = config_changes(before, resolved_config);
  for (const ConfigChange& change : changes)
    if (!before.empty()) log_info(str(change.key, ": ", change.before, " -> ", change.now));
  if (!before.empty() && !changes.empty()) {
    make_directories(path_ / "config.history");
    write_file(path_ / "config.history" / (std::to_string(restarts_) + ".yaml"), before);
  }
  if (!changes.empty()) write_file(config, resolved_config);
  set_state("running");
}

void RunFolder::make_parts() const {
  for (const char* part : {"ckpt", "plots", "samples"}) make_directories(path_ / part);
}

Path RunFolder::sample(int64_t step) const {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld.txt", static_cast<long long>(step));
  return path_ / "samples" / name;
}

void RunFolder::set_state(const std::string& state, const std::string& reason) {
  nlohmann::ordered_json json{{"state", state}, {"reason", reason}, {"restarts", restarts_}};
  if (!init_from_.empty()) json["init_from"] = init_from_.string();
  write_file(path_ / "RUN.json", dump(json) + "\n");
}

}  // namespace lw
