// RunFolder: the files of one run.
//
//   RUN.json               state (running, done, preempted, failed), why, how often it was resumed,
//                          the checkpoint whose weights it started from, the process that trains it
//   LOCK                   held while a process trains: a second one is refused. A process that is killed
//                          leaves `running` behind; the lock alone tells whether it is true
//                          (`flock -n RUN/LOCK true` succeeds for a run that is not training)
//   config.resolved.yaml   every value, with where it came from
//   config.history/        the resolved config of each earlier start
//   metrics.jsonl          apps/metrics.h
//   ckpt/                  apps/checkpoint.h
//   plots/loss.svg  samples/step-NNNNNNNN.txt
#pragma once

#include <memory>
#include <string>

#include "core/files.h"

namespace lw {

class RunFolder {
 public:
  /// runs/NAME/TIME-ID
  static Path fresh_path(const std::string& name);
  /// Makes the folder of a new run. Throws Error if `path` holds a run, or anything else.
  static RunFolder create(const Path& path, const std::string& resolved_config,
                          const Path& init_from = {});
  /// Locks the folder of a run, to go on with it, and removes the files that a kill left unfinished. A damaged
  /// RUN.json costs a warning, or Error (data) where only it could tell what the run started from.
  static RunFolder open(const Path& path);
  /// The folder of a run that another rank has created or opened: nothing is written through it.
  static RunFolder follow(const Path& path);
  /// Records that the run goes on. Values that differ from those of its config are logged, and the old config
  /// moves to the history; one that is missing or damaged is written anew, with a warning.
  void resume(const std::string& resolved_config);

  const Path& path() const { return path_; }
  /// The checkpoint whose weights the run starts from; empty: none.
  const Path& init_from() const { return init_from_; }
  /// How the run stood when it was opened; empty: unknown.
  const std::string& state() const { return state_; }
  Path metrics() const { return path_ / "metrics.jsonl"; }
  Path loss_plot() const { return path_ / "plots" / "loss.svg"; }
  Path sample(int64_t step) const;

  /// Records how the run stands: "running", "done", "preempted" or "failed".
  void set_state(const std::string& state, const std::string& reason = "");

 private:
  explicit RunFolder(Path path) : path_(std::move(path)) {}
  void lock();
  void make_parts() const;
  void read_record();

  Path path_;
  std::unique_ptr<FileLock> lock_;  // null: another rank's
  int64_t restarts_ = 0;
  Path init_from_;
  std::string state_;
};

}  // namespace lw
