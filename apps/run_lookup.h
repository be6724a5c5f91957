// What a path given by a user stands for: a run, a checkpoint of one, or neither; and then what may have been meant.
//
// Errors: ErrorKind::data where nothing is found. They tell a run that has saved nothing yet from one whose
// checkpoints are all damaged, and list the runs below a folder that is none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/checkpoint.h"
#include "core/files.h"

namespace lw {

/// The path in one spelling: absolute, without `.`, `..` and a slash at the end. Links are not followed.
Path absolute_path(const Path& path);

/// Whether `path` is the folder of a run.
bool is_run(const Path& path);
/// Refuses a folder that holds a run, for going on without one.
void check_run(const Path& path);
/// Refuses a folder that a new run cannot have: one that holds a run, or anything else.
void check_free_for_run(const Path& path);

/// The folder of a checkpoint, from that folder, from a link to it, or from a run (its newest good one, with a
/// warning for each one rejected).
Path find_checkpoint(const Path& run_or_checkpoint);

/// The checkpoints of a run, good or bad and oldest first, or the one that `run_or_checkpoint` is.
std::vector<CheckpointEntry> find_checkpoints(const Path& run_or_checkpoint);

/// The checkpoint of `run` that --resume names with auto, step=N or a path; none for a run that was stopped before
/// its first one.
std::optional<Path> checkpoint_to_resume(const Path& run, const std::string& which);

}  // namespace lw
