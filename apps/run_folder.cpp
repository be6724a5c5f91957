#include "apps/run_folder.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

#include "apps/checkpoint.h"
#include "apps/output.h"
#include "apps/run_lookup.h"
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

void RunFolder::lock() {
  lock_ = std::make_unique<FileLock>(path_ / "LOCK", "the run " + path_.string());
}

Path RunFolder::fresh_path(const std::string& name) { return Path("runs") / name / fresh_id(); }

RunFolder RunFolder::create(const Path& path, const std::string& resolved_config,
                            const Path& init_from) {
  check_free_for_run(path);
  make_directories(path);
  RunFolder run(path);
  run.lock();
  check_free_for_run(path);  // nothing was made by another process in the meantime
  run.init_from_ = init_from.empty() ? Path() : std::filesystem::absolute(init_from);
  run.make_parts();
  run.set_state("running");
  write_file(path / "config.resolved.yaml", resolved_config);  // from now on it is a run
  return run;
}

RunFolder RunFolder::open(const Path& path) {
  RunFolder run(path);
  run.lock();
  for (const char* part : {"", "ckpt", "plots", "samples", "config.history"})
    remove_unfinished(path / part);
  run.read_record();
  return run;
}

RunFolder RunFolder::follow(const Path& path) {
  RunFolder run(path);
  run.read_record();
  return run;
}

void RunFolder::read_record() {
  const Path history = path_ / "config.history";
  if (std::filesystem::is_directory(history))  // its files are named by the restarts
    for (const std::string& name : list_directory(history))
      restarts_ = std::max<int64_t>(restarts_, std::atoll(name.c_str()));
  const Path file = path_ / "RUN.json";
  if (!std::filesystem::exists(file)) return;
  try {
    const Json json = parse_json(read_file(file), file.string());
    restarts_ = json_member<int64_t>(json, "restarts", file.string());
    state_ = json_member<std::string>(json, "state", file.string());
    if (json.contains("init_from"))
      init_from_ = json_member<std::string>(json, "init_from", file.string());
  } catch (const Error&) {
    if (list_checkpoints(path_).empty())
      throw Error(str(file.string(),
                      ": error: damaged, and without a checkpoint it alone could tell whether the "
                      "run started from\n  the weights of another\n  start a new run, or remove "
                      "this file to start from the config alone"),
                  ErrorKind::data);
    log_warning(str(file.string(), " is damaged, and written anew from what else is known"));
  }
}

void RunFolder::resume(const std::string& resolved_config) {
  if (!lock_) return;
  make_parts();
  ++restarts_;
  const Path config = path_ / "config.resolved.yaml";
  std::string before;
  bool changed = true;
  try {
    before = read_file(config);
    Config::parse(before, config.string());  // its errors name the file and the line
    const std::vector<ConfigChange> changes = config_changes(before, resolved_config);
    for (const ConfigChange& change : changes)
      log_info(str(change.key, ": ", change.before, " -> ", change.now));
    changed = !changes.empty();
  } catch (const Error& error) {
    log_warning(str(error.what(), "\n  written anew from the config in the checkpoint"));
  }
  if (changed && !before.empty()) {
    make_directories(path_ / "config.history");
    write_file(path_ / "config.history" / (std::to_string(restarts_) + ".yaml"), before);
  }
  if (changed) write_file(config, resolved_config);
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
  if (!lock_) return;
  nlohmann::ordered_json json{{"state", state}, {"reason", reason}, {"restarts", restarts_}};
  if (state == "running") json["pid"] = ::getpid();
  if (!init_from_.empty()) json["init_from"] = init_from_.string();
  write_file(path_ / "RUN.json", dump(json) + "\n");
}

}  // namespace lw
