// Loader: the order of the samples, and a thread that prepares batches ahead of the training loop.
//
// The order of epoch e is a permutation of all samples keyed by (seed, e): a pure function, so that
// a position is a single number, resuming costs nothing, and every rank knows what the others read.
// A step takes `batch` consecutive entries of the order, cut into micro-batches of one size; of each of these rank r of
// n takes its r-th n-th, one sample more or less where they do not divide evenly.
// What is left over at the end of an epoch, less than one batch, is not used in that epoch.
//
// On a GPU, the default device of the thread that makes the loader, batches prepared ahead are sent ahead too (data/feed.h).
#pragma once

#include <memory>

#include "data/dataset.h"
#include "data/feed.h"

namespace lw {

struct LoaderOptions {
  int64_t batch = 1;       ///< samples of a step, over all ranks and micro-batches
  int64_t accumulate = 1;  ///< micro-batches that a step is cut into
  int rank = 0, world_size = 1;
  uint64_t seed = 0;
  bool shuffle = true;
  int64_t prefetch = 2;  ///< micro-batches prepared ahead; 0: none, in the caller's thread
};

/// Throws Error unless the batch divides evenly by accumulate, with a sample for every rank in each part.
void check_division(const LoaderOptions& options);

/// An endless stream of training batches.
class Loader {
 public:
  /// Starts at a step (0 for a new run). Throws Error if a batch is larger than the dataset, or
  /// does not divide as check_division() wants.
  Loader(const Dataset& dataset, const LoaderOptions& options, int64_t first_step = 0);
  ~Loader();

  struct Item {
    Batch batch;
    int64_t step;          ///< training step
    int64_t micro;         ///< which micro-batch of the step, in [0, accumulate)
    int64_t first_sample;  ///< of this micro-batch on this rank, within the global batch
    int64_t epoch;
    std::shared_ptr<const void> on_device =
        {};  ///< while held, batch.inputs.to(device) is there already
  };
  /// The next micro-batch of this rank. An error in preparing it is thrown here.
  Item next();

  int64_t steps_per_epoch() const;
  /// Seconds that next() has waited for data in all.
  double wait_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Index of the sample at `position` in the order of an epoch: a keyed permutation of [0, size),
/// computed without a table (a Feistel network on the next power of four, walked until it lands
/// inside).
int64_t shuffled(int64_t position, int64_t size, uint64_t seed, int64_t epoch);

}  // namespace lw
