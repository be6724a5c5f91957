// Images as sequences: one pixel, or one pixel of all colours, a step.
//
// Sequential MNIST reads an image row by row (784 steps); permuted MNIST in one fixed random order
// of the pixels, the same for every image and every run. Pixels are standardised with the mean and
// deviation of the training split.
#pragma once

#include <vector>

#include "data/dataset.h"

namespace lw {

/// Grey images held as bytes, with a label each.
struct ImageSet {
  int64_t rows = 0, columns = 0;
  std::vector<uint8_t> pixels;  ///< [image][row][column]
  std::vector<uint8_t> labels;  ///< [image]

  int64_t size() const { return static_cast<int64_t>(labels.size()); }
};

/// How a set is read as sequences.
struct ImageSequences {
  double mean = 0, deviation = 1;
  std::vector<int64_t> order;  ///< pixel read at each step
};

/// Mean and deviation of all pixels in [0, 1], and the order of the first `length` steps: row by
/// row, or permuted by `permutation_seed`.
ImageSequences image_sequences(const ImageSet& train, int64_t length, bool permute,
                               uint64_t permutation_seed);

/// The images [begin, end) of a set as a dataset: inputs f32 [batch, length, 1], targets i64
/// [batch].
std::unique_ptr<Dataset> image_dataset(std::shared_ptr<const ImageSet> images,
                                       const ImageSequences& how, int64_t begin, int64_t end);

}  // namespace lw
