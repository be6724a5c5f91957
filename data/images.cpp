#include "data/images.h"

#include <cmath>

#include "data/loader.h"

namespace lw {
namespace {

class Images final : public Dataset {
 public:
  Images(std::shared_ptr<const ImageSet> images, const ImageSequences& how, int64_t begin,
         int64_t end)
      : images_(std::move(images)), order_(how.order), begin_(begin), size_(end - begin) {
    for (int value = 0; value < 256; ++value)
      values_[value] = static_cast<float>((value / 255.0 - how.mean) / how.deviation);
  }

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size()),
               length = static_cast<int64_t>(order_.size());
    const int64_t pixels = images_->rows * images_->columns;
    Batch batch;
    batch.inputs = Tensor::empty({n, length, 1});
    batch.targets = Tensor::empty({n}, DType::i64);
    auto* out = batch.inputs.data<float>();
    for (int64_t i = 0; i < n; ++i) {
      const int64_t index = begin_ + indices[static_cast<size_t>(i)];
      const uint8_t* image = images_->pixels.data() + index * pixels;
      for (const int64_t pixel : order_) *out++ = values_[image[pixel]];
      batch.targets.data<int64_t>()[i] = images_->labels[static_cast<size_t>(index)];
    }
    return batch;
  }

 private:
  std::shared_ptr<const ImageSet> images_;
  std::vector<int64_t> order_;
  float values_[256];
  int64_t begin_, size_;
};

}  // namespace

ImageSequences image_sequences(const ImageSet& train, int64_t length, bool permute,
                               uint64_t permutation_seed) {
  const int64_t pixels = train.rows * train.columns;
  check(0 < length && length <= pixels, "data.length is ", length, ", but an image has ", pixels,
        " pixels");
  ImageSequences how;
  int64_t counts[256] = {};
  for (const uint8_t value : train.pixels) ++counts[value];
  const auto total = static_cast<double>(train.pixels.size());
  double square = 0;
  for (int value = 0; value < 256; ++value) {
    const double x = value / 255.0, share = static_cast<double>(counts[value]) / total;
    how.mean += x * share, square += x * x * share;
  }
  how.deviation = std::sqrt(std::max(square - how.mean * how.mean, 1e-12));
  for (int64_t step = 0; step < length; ++step)
    how.order.push_back(permute ? shuffled(step, pixels, permutation_seed, 0) : step);
  return how;
}

std::unique_ptr<Dataset> image_dataset(std::shared_ptr<const ImageSet> images,
                                       const ImageSequences& how, int64_t begin, int64_t end) {
  return std::make_unique<Images>(std::move(images), how, begin, end);
}

}  // namespace lw
