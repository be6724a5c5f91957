#include "data/resampled.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/temporary_folder.h"

namespace lw {
namespace {

/// Rows 0, 1, 4, 9, ... of two features, the second negative, with a length.
class Squares final : public Dataset {
 public:
  int64_t size() const override { return 5; }
  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    Batch batch;
    const auto n = static_cast<int64_t>(indices.size());
    batch.inputs = Tensor::empty({n, 7, 2}, DType::f32, host);
    batch.targets = Tensor::zeros({n}, DType::i64, host);
    batch.lengths = Tensor::full({n}, 5, DType::i64, host);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t t = 0; t < 7; ++t) {
        float* row = batch.inputs.data<float>() + (i * 7 + t) * 2;
        row[0] = static_cast<float>(t * t);
        row[1] = -row[0];
      }
    return batch;
  }
};

const Task signals{.features = 2, .length = 7, .classes = 3};

TEST(Resampled, AFractionKeepsEverySoManyth) {
  const Squares split;
  const std::array<int64_t, 2> indices{0, 1};
  const Batch half = at_rate(split, signals, 0.5)->batch(indices, 0);
  EXPECT_EQ(half.inputs.shape(), (Shape{2, 4, 2}));
  EXPECT_EQ(half.inputs.select(0, 1).to_vector(),
            (std::vector<double>{0, 0, 4, -4, 16, -16, 36, -36}));
  EXPECT_EQ(half.lengths.to_vector(), (std::vector<double>{3, 3}));
  const Batch third = at_rate(split, signals, 1. / 3)->batch(indices, 0);
  EXPECT_EQ(third.inputs.select(0, 0).to_vector(), (std::vector<double>{0, 0, 9, -9, 36, -36}));
}

TEST(Resampled, AMultipleLiesOnTheLineBetweenNeighbours) {
  const Squares split;
  const Batch twice = at_rate(split, signals, 2)->batch(std::array<int64_t, 1>{2}, 0);
  EXPECT_EQ(twice.inputs.shape(), (Shape{1, 14, 2}));
  const double expected[] = {0, 0.5, 1, 2.5, 4, 6.5, 9, 12.5, 16, 20.5, 25, 30.5, 36, 36};
  for (int64_t t = 0; t < 14; ++t) {
    EXPECT_EQ(twice.inputs.at({0, t, 0}), expected[t]);
    EXPECT_EQ(twice.inputs.at({0, t, 1}), -expected[t]);
  }
  EXPECT_EQ(twice.lengths.to_vector(), (std::vector<double>{10}));
}

TEST(Resampled, OtherRatesAndTasksAreRefused) {
  const Squares split;
  EXPECT_EQ(error_of(ErrorKind::usage, [&] { at_rate(split, signals, 0.7); }),
            "eval.rate: 0.7 is neither a whole number nor one over one\n"
            "  signals that are given as samples can only be read at such rates");
  EXPECT_EQ(error_of(ErrorKind::usage, [&] { at_rate(split, {.vocabulary = 5}, 2); }),
            "eval.rate: only signals with one label each can be read at another rate; the samples "
            "of this data are tokens");
  EXPECT_EQ(
      error_of(ErrorKind::usage,
               [&] { at_rate(split, {.features = 1, .target = Task::Target::value}, 2); }),
      "eval.rate: only signals with one label each can be read at another rate; the samples of "
      "this data have values as targets");
}

}  // namespace
}  // namespace lw
