// longwave train: a new run, or one that goes on.
#include <cstdio>

#include "apps/commands.h"
#include "apps/run.h"
#include "apps/trainer.h"
#include "autograd/profile.h"
#include "core/config.h"
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

int train(Trainer& trainer, RunFolder& folder, const TrainArguments& arguments) {
  std::printf("%s\n", folder.path().c_str());
  std::fflush(stdout);
  if (!arguments.quiet) log_info(trainer.summary());
  try {
    return arguments.profile ? profiled(trainer, folder, arguments.quiet)
                             : trainer.run(folder, arguments.quiet);
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
  const Path path = arguments.run_dir;
  if (!path.empty()) check_no_run(path);
  check(path.empty() || !std::filesystem::exists(path) || std::filesystem::is_directory(path),
        path.string(), ": error: this is a file, expected the folder of the run");
  Trainer trainer(config);
  Path weights;
  if (!arguments.init_from.empty())
    trainer.start_from(weights = find_checkpoint(arguments.init_from));
  RunFolder folder = RunFolder::create(path, config.name, resolved, weights);
  return train(trainer, folder, arguments);
}

/// The checkpoint that --resume names: none for a run that was stopped before its first one.
std::optional<Path> checkpoint_to_resume(const Path& run, const std::string& which) {
  if (which == "auto") {
    const FoundCheckpoint newest = find_newest_good(run);
    std::string reasons;
    for (const auto& [path, why] : newest.rejected) {
      reasons += str("\n  ", path.string(), ": ", why);
      if (newest.found) log_warning(str(path.string(), " is damaged and left aside: ", why));
    }
    if (newest.found) return newest.found->path;
    if (!reasons.empty())
      throw Error(str(run.string(), ": error: every checkpoint of this run is damaged", reasons,
                      "\n  put back a copy of one of them, or start a new run"),
                  ErrorKind::data);
    return std::nullopt;
  }
  if (which.starts_with("step=")) {
    for (const CheckpointEntry& entry : list_checkpoints(run))
      if (str("step=", entry.step) == which) return entry.path;
    throw Error(str(run.string(), ": error: there is no checkpoint of ", which,
                    "\n  longwave ckpt ls ", run.string(), " lists those that there are"),
                ErrorKind::data);
  }
  const Path checkpoint = find_checkpoint(which);
  std::error_code none;
  check(std::filesystem::equivalent(checkpoint.parent_path().parent_path(), run, none),
        checkpoint.string(), ": error: this is no checkpoint of the run ", run.string(),
        "\n  --init-from starts a new run from its weights");
  return checkpoint;
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
  if (!is_run(run))
    throw Error(str(run.string(), ": error: there is no run in this folder to go on with"),
                ErrorKind::data);
  RunFolder folder = RunFolder::open(run);
  const std::optional<Path> checkpoint = checkpoint_to_resume(run, arguments.resume);
  std::string resolved;
  const RunConfig config =
      checkpoint ? config_of_checkpoint(*checkpoint, arguments.overrides, &resolved)
                 : load_config(run / "config.resolved.yaml", arguments.overrides, &resolved);
  Trainer trainer(config);
  if (checkpoint) {
    trainer.restore(*checkpoint);
  } else if (!folder.init_from().empty()) {
    trainer.start_from(folder.init_from());
  }
  remove_unfinished_checkpoints(run);
  if (trainer.finished()) {
    std::printf("%s\n", run.c_str());
    log_info(str(run.string(), ": this run is finished at step ", trainer.step(),
                 trainer.step() < trainer.total_steps()
                     ? ": it no longer improved; train.patience=0 goes on"
                     : "; train.steps=N with a larger N goes on"));
    folder.set_state("done");
    return 0;
  }
  for (const Path& gone : remove_checkpoints_after(run, trainer.step()))
    log_warning(str("removed ", gone.string(), ": the run goes on from step ", trainer.step()));
  if (checkpoint) link_checkpoint(run, trainer.step(), trainer.at_best());
  folder.resume(resolved);
  log_info(checkpoint ? str("going on from ", checkpoint->string())
                      : str(run.string(), " has no checkpoint yet: starting from its config"));
  return train(trainer, folder, arguments);
}

}  // namespace

int train_command(const TrainArguments& arguments) {
  if (arguments.resume.empty() || arguments.resume == "none") return start(arguments);
  check(arguments.init_from.empty(), "--init-from starts a new run; it does not go with --resume");
  return resume(arguments);
}

}  // namespace lw
