#include "data/images.h"

#include <cmath>

#include "data/loader.h"

namespace lw {
ImageDataset::ImageDataset(std::shared_ptr<const ImageSet> images, const ImageSequences& how,
                           int64_t begin, int64_t end)
    : images_(std::move(images)), order_(how.order), begin_(begin), size_(end - begin) {
  for (int value = 0; value < 256; ++value)
    values_[value] = static_cast<float>((value / 255.0 - how.mean) / how.deviation);
}

Batch ImageDataset::batch(std::span<const int64_t> indices, int64_t) const {
  const auto n = static_cast<int64_t>(indices.size()), length = static_cast<int64_t>(order_.size());
  Batch batch;
  batch.inputs = Tensor::empty({n, length, 1}, DType::f32, host);
  batch.targets = Tensor::empty({n}, DType::i64, host);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t index = indices[static_cast<size_t>(i)];
    write_sequence(pixels(index).data(), batch.inputs.data<float>() + i * length);
    batch.targets.data<int64_t>()[i] = images_->labels[static_cast<size_t>(begin_ + index)];
  }
  return batch;
}

std::span<const uint8_t> ImageDataset::pixels(int64_t index) const {
  const int64_t count = rows() * columns();
  return std::span(images_->pixels)
      .subspan(static_cast<size_t>((begin_ + index) * count), static_cast<size_t>(count));
}

Tensor ImageDataset::inputs_of(const ImageSet& images, int64_t begin, int64_t end) const {
  check(images.rows == rows() && images.columns == columns(), "images of ", images.rows, " x ",
        images.columns, " pixels, expected ", rows(), " x ", columns());
  const auto length = static_cast<int64_t>(order_.size());
  Tensor inputs = Tensor::empty({end - begin, length, 1}, DType::f32, host);
  for (int64_t i = begin; i < end; ++i)
    write_sequence(images.pixels.data() + i * rows() * columns(),
                   inputs.data<float>() + (i - begin) * length);
  return inputs;
}

void ImageDataset::write_sequence(const uint8_t* image, float* out) const {
  for (const int64_t pixel : order_) *out++ = values_[image[pixel]];
}

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
  return std::make_unique<ImageDataset>(std::move(images), how, begin, end);
}

}  // namespace lw
