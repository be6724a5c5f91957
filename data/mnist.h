// MNIST, and every dataset in its format (Fashion-MNIST, KMNIST), as sequences of pixels.
//
// The folder holds {train,t10k}-{images-idx3,labels-idx1}-ubyte, plain or with .gz. Image size and
// number of classes come from the files. An idx file is a big-endian header (magic 0x00000803 or
// 0x00000801, then the size of each axis, 32 bits each) and the bytes; a file that is longer or
// shorter than its header says is refused.
#pragma once

#include <filesystem>

#include "data/images.h"

namespace lw {

struct MnistOptions {
  int64_t length = 0;    ///< steps of a sample: the first pixels of its order; 0: all
  bool permute = false;  ///< one fixed random order of the pixels
  int64_t permutation_seed = 92916;
  int64_t validation = 0;  ///< images held out of the end of the training files

  void describe(Fields& f);
};

/// Reads one pair of idx files from `folder`: `prefix` is "train" or "t10k". Throws Error (data)
/// naming the file and what is wrong with it.
ImageSet read_idx_images(const std::filesystem::path& folder, const std::string& prefix);

/// Reads one idx file of images, plain or compressed, without labels.
ImageSet read_idx_images(const std::filesystem::path& file);

}  // namespace lw
