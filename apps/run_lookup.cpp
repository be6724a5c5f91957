#include "apps/run_lookup.h"

#include <algorithm>

#include "apps/checkpoint_files.h"
#include "core/communicator.h"
#include "core/error.h"
#include "core/log.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

/// The runs in `path`, at most two folders deep, as in runs/NAME/TIME-ID; the one last saved first.
std::vector<Path> runs_below(const Path& path) {
  std::vector<std::pair<fs::file_time_type, Path>> found;
  std::error_code none;
  fs::recursive_directory_iterator entry(path, fs::directory_options::skip_permission_denied, none);
  for (; !none && entry != fs::end(entry); entry.increment(none)) {
    const Path& folder = entry->path();
    std::error_code unreadable;
    const bool run = fs::exists(folder / "config.resolved.yaml", unreadable);
    if (run)
      found.emplace_back(fs::last_write_time(checkpoint::folder(folder), unreadable), folder);
    if (run || entry.depth() == 1) entry.disable_recursion_pending();
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<Path> runs;
  for (auto& [time, folder] : found) runs.push_back(std::move(folder));
  return runs;
}

/// The end of a message on a path that is no run: the runs that may have been meant, if there are some.
std::string runs_meant(const Path& path) {
  constexpr size_t most = 5;
  const std::vector<Path> runs = runs_below(path);
  if (runs.empty()) return "";
  std::string text = "\n  there are runs below it; the last saved first:";
  for (size_t i = 0; i < std::min(most, runs.size()); ++i) text += "\n    " + runs[i].string();
  if (runs.size() > most) text += str("\n    and ", runs.size() - most, " more");
  return text;
}

/// Why no checkpoint is found at `path`.
std::string why_none(const Path& path) {
  if (!fs::exists(path))
    return fs::is_symlink(path)
               ? str("this link leads nowhere: there is no ", fs::read_symlink(path).string())
               : "there is no such run or checkpoint";
  if (is_run(path))
    return str("this run has saved nothing yet\n  longwave train --resume auto ", path.string(),
               " goes on with it, if it is not training now");
  return "this is no run and no checkpoint" + runs_meant(path);
}

[[noreturn]] void refuse_path(const Path& path) {
  throw Error(str(path.string(), ": error: ", why_none(path)), ErrorKind::data);
}

/// The newest good checkpoint of a run, with a warning for each one rejected; none if there are none at all.
std::optional<Path> newest_good(const Path& run) {
  const FoundCheckpoint newest = find_newest_good(run);
  std::string reasons;
  for (const auto& [path, why] : newest.rejected) {
    reasons += str("\n  ", path.string(), ": ", why);
    if (newest.found && ranks().first())
      log_warning(str(path.string(), " is damaged and left aside: ", why));
  }
  if (newest.found) return newest.found->path;
  if (!reasons.empty())
    throw Error(str(run.string(), ": error: every checkpoint of this run is damaged", reasons,
                    "\n  put back a copy of one of them, or start a new run"),
                ErrorKind::data);
  return std::nullopt;
}

/// The checkpoint of `run`, good or bad, that `path` names in whatever spelling.
std::optional<CheckpointEntry> checkpoint_at(const Path& run, const Path& path) {
  std::error_code none;
  for (const CheckpointEntry& entry : list_checkpoints(run))
    if (fs::equivalent(entry.path, path, none)) return entry;
  return std::nullopt;
}

/// Whether a folder holds at most what a run has before its config is written: one that was killed, or met a full
/// disk, before it began.
bool holds_no_more_than_a_beginning(const Path& folder) {
  for (const std::string& name : list_directory(folder)) {
    const bool part = name == "LOCK" || name == "RUN.json" || name.starts_with(unfinished_prefix);
    const bool empty_part = (name == "ckpt" || name == "plots" || name == "samples") &&
                            fs::is_directory(folder / name) && fs::is_empty(folder / name);
    if (!part && !empty_part) return false;
  }
  return true;
}

}  // namespace

Path absolute_path(const Path& path) {
  const Path normal = fs::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

bool is_run(const Path& path) {
  return fs::exists(path / "config.resolved.yaml") || !list_checkpoints(path).empty();
}

void check_run(const Path& path) {
  if (!is_run(path))
    throw Error(str(path.string(), ": error: there is no run in this folder to go on with",
                    runs_meant(path)),
                ErrorKind::data);
}

void check_free_for_run(const Path& path) {
  if (!fs::exists(path)) return;
  check(fs::is_directory(path), path.string(),
        ": error: this is a file, expected the folder of the run");
  check(!is_run(path), path.string(),
        ": error: this folder holds a run already\n  give another --run-dir, or go on with it: "
        "longwave train --resume auto ",
        path.string());
  check(holds_no_more_than_a_beginning(path), path.string(),
        ": error: this folder holds other things than a run\n  give a --run-dir that is new or "
        "empty");
}

Path find_checkpoint(const Path& path) {
  if (fs::exists(path / checkpoint::manifest_file)) return path;
  const std::optional<Path> newest = newest_good(path);
  if (!newest) refuse_path(path);
  return *newest;
}

std::vector<CheckpointEntry> find_checkpoints(const Path& path) {
  const std::vector<CheckpointEntry> entries = list_checkpoints(path);
  if (!entries.empty()) return entries;
  Path folder = absolute_path(path);
  std::error_code none;
  if (fs::is_symlink(folder)) folder = fs::canonical(folder, none);
  if (folder.empty()) refuse_path(path);  // a link that leads nowhere
  if (const auto entry = checkpoint_at(folder.parent_path().parent_path(), folder)) return {*entry};
  if (fs::exists(folder / checkpoint::manifest_file)) return {{folder, read_manifest(folder).step}};
  refuse_path(path);
}

std::optional<Path> checkpoint_to_resume(const Path& run, const std::string& which) {
  if (which == "auto") return newest_good(run);
  if (which.starts_with("step=")) {
    for (const CheckpointEntry& entry : list_checkpoints(run))
      if (str("step=", entry.step) == which) return entry.path;
    throw Error(str(run.string(), ": error: there is no checkpoint of ", which,
                    "\n  longwave ckpt ls ", run.string(), " lists those that there are"),
                ErrorKind::data);
  }
  const Path named = find_checkpoint(which);
  const std::optional<CheckpointEntry> entry = checkpoint_at(run, named);
  check(entry.has_value(), named.string(), ": error: this is no checkpoint of the run ",
        run.string(), "\n  --init-from starts a new run from its weights");
  return entry->path;
}

}  // namespace lw
