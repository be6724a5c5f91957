#include "apps/run_folder.h"

#include <cstdio>
#include <ctime>
#include <random>

#include "core/error.h"
#include "core/json.h"

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
  return std::filesystem::exists(path / "config.resolved.yaml") ||
         std::filesystem::exists(path / "ckpt");
}

RunFolder::RunFolder(Path path) : path_(std::move(path)) {
  lock_ =
      std::make_unique<FileLock>(path_ / "LOCK", "a training process of the run " + path_.string());
}

RunFolder RunFolder::create(const Path& path, const std::string& name,
                            const std::string& resolved_config) {
  const Path folder = path.empty() ? Path("runs") / name / fresh_id() : path;
  check(!is_run(folder), folder.string(),
        ": error: this folder holds a run already\n  give another --run-dir, or go on with it: "
        "longwave train --resume auto ",
        folder.string());
  for (const char* part : {"ckpt", "plots", "samples"}) make_directories(folder / part);
  RunFolder run(folder);
  write_file(folder / "config.resolved.yaml", resolved_config);
  run.set_state("running");
  return run;
}

RunFolder RunFolder::reopen(const Path& path, const std::string& resolved_config) {
  RunFolder run(path);
  for (const char* part : {"ckpt", "plots", "samples"}) make_directories(path / part);
  if (std::filesystem::exists(path / "RUN.json")) {
    const std::string place = (path / "RUN.json").string();
    run.restarts_ =
        json_member<int64_t>(parse_json(read_file(place), place), "restarts", place) + 1;
  }
  const Path config = path / "config.resolved.yaml";
  if (std::filesystem::exists(config)) {
    const std::string before = read_file(config);
    if (before != resolved_config) {
      make_directories(path / "config.history");
      write_file(path / "config.history" / (std::to_string(run.restarts_) + ".yaml"), before);
    }
  }
  write_file(config, resolved_config);
  run.set_state("running");
  return run;
}

Path RunFolder::sample(int64_t step) const {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld.txt", static_cast<long long>(step));
  return path_ / "samples" / name;
}

void RunFolder::set_state(const std::string& state, const std::string& reason) {
  const nlohmann::ordered_json json{{"state", state}, {"reason", reason}, {"restarts", restarts_}};
  write_file(path_ / "RUN.json", json.dump() + "\n");
}

}  // namespace lw
