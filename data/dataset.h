// Dataset: samples that can be asked for by index, and the batches made of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/random.h"
#include "core/tensor.h"

namespace lw {

/// What a model is given, and what it shall answer.
struct Batch {
  Tensor inputs;  ///< tokens: i64 [batch, time]; signals: f32 [batch, time, feature]
  /// Classes i64 [batch], tokens i64 [batch, time], or values f32 [batch, horizon, value].
  Tensor targets;
  Tensor lengths;  ///< i64 [batch], steps that count, from the first; undefined: all of them
  /// u8 [batch, time], 1 where a packed document starts; undefined: one document a row.
  Tensor resets;

  int64_t size() const { return inputs.size(0); }
};

/// A step whose target is this value does not enter the loss.
inline constexpr int64_t ignored_target = -100;

/// What kind of task a dataset poses: enough to build encoder, decoder and loss.
struct Task {
  int64_t vocabulary = 0;  ///< inputs are tokens below this number; 0: they are signals
  int64_t features = 0;    ///< of a signal, at each step
  int64_t length = 0;      ///< steps of the longest sample
  enum class Target {
    label,  ///< one of `classes`, for the whole sequence
    token,  ///< one of `classes` at every step (language models, copying)
    value,  ///< `classes` real numbers at each of the last `horizon` steps (forecasting)
  } target = Target::label;
  int64_t classes = 0;
  int64_t horizon = 0;
  bool autoregressive = false;  ///< the target of a step is the next input: the model can generate
};

/// One split. Thread-safe: a loader asks for batches from a thread of its own.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// The samples at `indices`, each in [0, size()), as one batch. A generated sample is a pure
  /// function of the seed and its index, and of `epoch` where the dataset draws anew each epoch.
  virtual Batch batch(std::span<const int64_t> indices, int64_t epoch) const = 0;
  /// The same signals of continuous time with `rate` times as many samples; null where they are
  /// given as samples (data/resampled.h).
  virtual std::unique_ptr<Dataset> at_rate([[maybe_unused]] double rate) const { return nullptr; }
};

/// Between text and tokens; only text datasets have one.
class Vocabulary {
 public:
  virtual ~Vocabulary() = default;
  virtual int64_t size() const = 0;
  /// Throws Error naming the first character that is not in the vocabulary.
  virtual std::vector<int64_t> encode(std::string_view text) const = 0;
  virtual std::string decode(std::span<const int64_t> tokens) const = 0;
  /// A text that identifies the vocabulary; it is kept in checkpoints.
  virtual std::string serialize() const = 0;
};

/// A dataset with its splits. A split that does not exist is null.
struct DataSource {
  Task task;
  std::unique_ptr<Dataset> train, val, test;
  std::shared_ptr<const Vocabulary> vocabulary;
  /// Digests of the files, or seed and sizes of what is drawn, and every option that changes what is trained on or what
  /// chooses the best checkpoint: a run is resumed only on what it was started with. Further words go to the end, see
  /// same_data().
  std::string fingerprint;
};

/// Whether data of this fingerprint are those that a checkpoint knows. One of an earlier version may know less of them:
/// the words that the fingerprint begins with.
inline bool same_data(const std::string& known, const std::string& fingerprint) {
  return fingerprint == known || fingerprint.starts_with(known + " ");
}

/// Where a dataset looks for its files, and what it may vary with.
struct DataContext {
  std::string root;  ///< data.root, or empty: $LONGWAVE_DATA/<folder of the dataset>
  uint64_t seed = 0;
};

/// The folder that holds the files of a dataset: context.root, or $LONGWAVE_DATA/`folder`. Throws
/// Error (data), saying how to get the files, if there is none.
std::string data_folder(const DataContext& context, const std::string& folder);

/// The kinds that `data.kind` may name, each with its options.
using Datasets = Registry<DataSource(const DataContext& context)>;
Datasets& datasets();

}  // namespace lw
