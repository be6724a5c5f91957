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

/// Images as a dataset: inputs f32 [batch, length, 1], targets i64 [batch].
class ImageDataset final : public Dataset {
 public:
  /// The images [begin, end) of a set.
  ImageDataset(std::shared_ptr<const ImageSet> images, const ImageSequences& how, int64_t begin,
               int64_t end);

  int64_t size() const override { return size_; }
  Batch batch(std::span<const int64_t> indices, int64_t epoch) const override;

  int64_t rows() const { return images_->rows; }
  int64_t columns() const { return images_->columns; }
  /// The pixels of an image, row by row.
  std::span<const uint8_t> pixels(int64_t index) const;
  /// The inputs, f32 [end - begin, length, 1], of images [begin, end) of another set; they need no
  /// labels. Throws Error if they are of another size.
  Tensor inputs_of(const ImageSet& images, int64_t begin, int64_t end) const;

 private:
  void write_sequence(const uint8_t* image, float* out) const;

  std::shared_ptr<const ImageSet> images_;
  std::vector<int64_t> order_;
  float values_[256];  // of each brightness, standardised
  int64_t begin_, size_;
};

std::unique_ptr<Dataset> image_dataset(std::shared_ptr<const ImageSet> images,
                                       const ImageSequences& how, int64_t begin, int64_t end);

}  // namespace lw
