// Checkpoints: everything a run needs to go on, in a folder that is whole or is not there.
//
//   RUN/ckpt/step-00001000/{MANIFEST.json, model.h5, optim-0000-of-0001.h5, state.h5}
//   RUN/ckpt/latest, RUN/ckpt/best       relative links; hints, never trusted
//
// Saving writes into ckpt/.tmp-step-…, syncs, reads everything back from the disk and compares it,
// writes the manifest, and only then renames the folder to its name. A crash, a kill or a full disk
// at any moment leaves the earlier checkpoints as they were. Loading checks every byte against the
// manifest's digests before the HDF5 library sees a file, and shapes before anything is allocated.
//
// Equal content gives equal files, byte for byte: the datasets hold what the caller gave and
// nothing of the machine, the time or the folder. The layout of the files:
//
//   model.h5   /config  /params/NAME  /buffers/NAME        optim-…  /state/NAME/SLOT  /groups/I
//   state.h5   /GROUP/TENSOR                               attributes on each as given
//
// A text among the attributes of the model that no HDF5 attribute can hold, such as a vocabulary of 20,000 characters or
// one with a NUL, is bytes in /texts/NAME of model.h5; loading makes it an attribute again.
//
// Errors: ErrorKind::disk from saving, ErrorKind::data from loading. One writer at a time for a run
// (FileLock). Cost: saving writes each byte once and reads it twice; loading reads it twice.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/manifest.h"
#include "core/files.h"
#include "core/hdf5.h"
#include "core/tensor.h"

namespace lw {

struct StoredTensor {
  Tensor value;
  Attributes attributes;
};

/// A part of state.h5: scalars as attributes, and small tensors.
struct StateGroup {
  Attributes attributes;
  std::map<std::string, Tensor> tensors;
};

struct OptimizerState {
  std::string type;       ///< "adamw"
  Attributes attributes;  ///< of the optimizer as a whole
  /// For each group of parameters, those of one role: "role", "lr" before the schedule, "weight_decay", "eps", …
  std::vector<Attributes> groups;
  /// For each parameter the tensors kept for it: {"head.weight": {"exp_avg": …, …}}.
  std::map<std::string, std::map<std::string, Tensor>> tensors;
};

struct CheckpointContent {
  int64_t step = 0;
  std::string config;            ///< resolved YAML
  std::string data_fingerprint;  ///< of the data the run reads
  Attributes attributes;         ///< of the model: "arch", "tokens", …
  std::map<std::string, StoredTensor> params, buffers;
  OptimizerState optimizer;
  std::map<std::string, StateGroup> state;  ///< "rng", "loader", "schedule", "monitor", …
};

struct SaveOptions {
  int64_t keep_last = 2;  ///< older checkpoints are removed; 0 keeps all
  bool best = false;      ///< `best` points to this one
  std::string run_id;
};

/// Saves `content` under `run` and returns the checkpoint's folder. A checkpoint of the same step
/// is replaced in one step. Never removes the last two checkpoints that verify, nor the best.
/// Failures after the checkpoint is in place (links, removing old ones) are warnings.
Path save_checkpoint(const Path& run, const CheckpointContent& content,
                     const SaveOptions& options = {});

/// What a model expects a checkpoint to hold.
struct TensorSpec {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;
};

struct LoadOptions {
  /// The model's parameters; a checkpoint with others is refused, with all the differences.
  std::optional<std::vector<TensorSpec>> params;
  bool model_only = false;  ///< leaves optimizer and state empty; only model.h5 is read
};

CheckpointContent load_checkpoint(const Path& checkpoint, const LoadOptions& options = {});

/// The manifest alone, verified in itself.
Manifest read_manifest(const Path& checkpoint);

// Looking after the checkpoints of a run.

struct CheckpointEntry {
  Path path;
  int64_t step = 0;
};
/// The checkpoints under `run`, oldest first, good or bad. Empty if there is no such folder.
std::vector<CheckpointEntry> list_checkpoints(const Path& run);

struct CheckpointProblem {
  std::string file;  ///< within the checkpoint
  std::string text;
};
/// What is wrong with a checkpoint: nothing, or every file that is damaged, and the tensors in it.
/// With `only`, that file and the manifest alone are looked at.
std::vector<CheckpointProblem> verify_checkpoint(const Path& checkpoint,
                                                 const std::string& only = "");
/// One line for a list of problems: "model.h5: …; state.h5: …".
std::string text_of(const std::vector<CheckpointProblem>& problems);

struct FoundCheckpoint {
  struct Rejected {
    Path path;
    std::string why;
  };
  std::optional<CheckpointEntry> found;
  std::vector<Rejected> rejected;  ///< newer ones, newest first
};
/// The newest checkpoint of `run` that verifies.
FoundCheckpoint find_newest_good(const Path& run);

/// Points `latest` to the checkpoint of `step` and `best` to that of `best_step`, where they are there, for a run that
/// goes on from `step`. A link that leads nowhere is removed: it would name another checkpoint of that step later.
void relink_checkpoints(const Path& run, int64_t step, int64_t best_step);

/// Removes the checkpoints of later steps than `step`, from which the run is about to go on, and
/// says which.
std::vector<Path> remove_checkpoints_after(const Path& run, int64_t step);

}  // namespace lw
