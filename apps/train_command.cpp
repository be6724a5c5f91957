// longwave train: a new run, or one that goes on.
#include <cstdio>

#include "apps/commands.h"
#include "apps/run.h"
#include "apps/run_lookup.h"
#include "apps/trainer.h"
#include "autograd/profile.h"
#include "core/communicator.h"
#include "core/log.h"

namespace lw {
namespace {

/// trainer.run(), and where the time of its steps went.
int profiled(Trainer& trainer, RunFolder& folder, bool quiet) {
  Profile profile;
  const Profile::Scope on(profile);
  const int64_t first = trainer.step();
  const int code = trainer.run(folder, quiet);
  const int64_t steps = trainer.step() - first;
  log_info(
      str("where the time of a step goes, mean of ", steps, " steps:\n", to_text(profile, steps)));
  return code;
}

/// What to do about a disk that refused a file of `run`.
std::string disk_remedy(const Path& run) {
  if (!is_run(run))
    return "name a folder on another disk with --run-dir, or free space on that one";
  const std::vector<CheckpointEntry> saved = list_checkpoints(run);
  const std::string again = "longwave train --resume auto " + run.string();
  if (saved.empty())
    return str("nothing of this run is saved yet; free space and start it again: ", again,
               "\n  or start it on another disk with --run-dir");
  return str("step ", saved.back().step, " is saved; free space and go on from there: ", again);
}

/// Calls action(); errors of the disk say what to do.
template <class Action>
int with_disk_remedy(const Path& run, Action&& action) {
  try {
    return action();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::disk) throw;
    throw Error(str(error.what(), "\n  ", disk_remedy(run)), error.kind());
  }
}

/// The folder of the run, the command's one result.
void print_path(const RunFolder& folder) {
  if (ranks().first()) std::printf("%s\n", folder.path().c_str());
  std::fflush(stdout);
}

int train(Trainer& trainer, RunFolder& folder, const TrainArguments& arguments) {
  print_path(folder);
  const bool quiet = arguments.quiet || !ranks().first();
  if (!quiet) log_info(trainer.summary());
  try {
    return arguments.profile ? profiled(trainer, folder, quiet) : trainer.run(folder, quiet);
  } catch (const std::exception& error) {
    try {
      folder.set_state("failed", error.what());
    } catch (const Error&) {
      // On a disk that takes nothing; the first error says more.
    }
    throw;
  }
}

int start(const TrainArguments& arguments) {
  std::string resolved;
  const RunConfig config = load_config(arguments.target, arguments.overrides, &resolved);
  if (!arguments.run_dir.empty()) check_free_for_run(arguments.run_dir);
  const DeviceScope device(device_of(config.device));
  Trainer trainer(config, ranks());
  Path weights;
  if (!arguments.init_from.empty())
    trainer.start_from(weights = find_checkpoint(arguments.init_from));
  const Path path = ranks().broadcast(
      arguments.run_dir.empty() ? RunFolder::fresh_path(config.name).string() : arguments.run_dir);
  return with_disk_remedy(path, [&] {
    RunFolder folder =
        ranks().first() ? RunFolder::create(path, resolved, weights) : RunFolder::follow(path);
    return train(trainer, folder, arguments);
  });
}

/// The config that a run was started with, where no checkpoint has a copy of it.
RunConfig config_of_run(const Path& run, const Overrides& overrides, std::string* resolved) {
  const Path file = run / "config.resolved.yaml";
  try {
    load_config(file, {});
  } catch (const Error& error) {
    throw Error(str(error.what(), "\n  no checkpoint of this run has a copy of its config: mend ",
                    file.string(), ", or start a new run"),
                error.kind());
  }
  return load_config(file, overrides, resolved);
}

/// A run that has nothing left to do: says so, and what would make it go on.
int leave_finished(const Trainer& trainer, const RunConfig& config, RunFolder& folder,
                   const Overrides& overrides) {
  const char* length = config.train.steps ? "train.steps" : "train.epochs";
  const bool early = trainer.step() < trainer.total_steps();
  std::string text = str(folder.path().string(), ": this run is finished at step ", trainer.step(),
                         early ? ": it no longer improved; train.patience=0 goes on"
                               : str("; ", length, "=N with a larger N goes on"));
  for (const std::string& override : overrides)
    text += str("\n  without that, ", override, " has no effect");
  print_path(folder);
  log_info(text);
  if (folder.state() != "done") folder.set_state("done", trainer.why_finished());
  return 0;
}

/// checkpoint_to_resume(), as rank 0 sees the run: it alone looks for one while the folder may still change.
std::optional<Path> checkpoint_of_rank_0(const Path& run, const std::string& which) {
  std::string path;
  if (ranks().first()) path = checkpoint_to_resume(run, which).value_or(Path()).string();
  path = ranks().broadcast(path);
  return path.empty() ? std::nullopt : std::optional<Path>(path);
}

int resume(const TrainArguments& arguments) {
  const Path run = arguments.target;
  const Path named = arguments.run_dir.empty() ? run : Path(arguments.run_dir);
  std::error_code none;
  check(
      !std::filesystem::is_regular_file(run, none) &&
          (named == run || std::filesystem::equivalent(named, run, none)),
      run.string(),
      ": error: --resume takes the folder of a run alone, and goes on with the run's own config\n",
      "  longwave train --resume ", arguments.resume, " ",
      arguments.run_dir.empty() ? "RUN" : arguments.run_dir, " key=value changes it");
  check_run(run);
  return with_disk_remedy(run, [&] {
    RunFolder folder = ranks().first() ? RunFolder::open(run) : RunFolder::follow(run);
    const std::optional<Path> checkpoint = checkpoint_of_rank_0(run, arguments.resume);
    std::string resolved;
    const RunConfig config = checkpoint
                                 ? config_of_checkpoint(*checkpoint, arguments.overrides, &resolved)
                                 : config_of_run(run, arguments.overrides, &resolved);
    const DeviceScope device(device_of(config.device));
    Trainer trainer(config, ranks());
    if (checkpoint) {
      trainer.restore(*checkpoint);
    } else if (!folder.init_from().empty()) {
      trainer.start_from(folder.init_from());
    }
    if (trainer.finished()) return leave_finished(trainer, config, folder, arguments.overrides);
    ranks().barrier();  // every rank has read what is changed now
    if (ranks().first()) {
      for (const Path& gone : remove_checkpoints_after(run, trainer.step()))
        log_warning(str("removed ", gone.string(), ": the run goes on from step ", trainer.step(),
                        ", before it"));
      relink_checkpoints(run, trainer.step(), trainer.best_step());
    }
    folder.resume(resolved);
    log_info(checkpoint ? str("going on from ", checkpoint->string())
                        : str(run.string(), " has no checkpoint yet: starting from its config"));
    return train(trainer, folder, arguments);
  });
}

}  // namespace

int train_command(const TrainArguments& arguments) {
  join_ranks();
  if (arguments.resume.empty() || arguments.resume == "none") return start(arguments);
  check(arguments.init_from.empty(), "--init-from starts a new run; it does not go with --resume");
  return resume(arguments);
}

}  // namespace lw
