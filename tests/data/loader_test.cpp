#include "data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/parallel.h"

namespace lw {
namespace {

/// Sample i is the number i.
class Numbers final : public Dataset {
 public:
  explicit Numbers(int64_t size, int64_t damaged = -1) : size_(size), damaged_(damaged) {}
  int64_t size() const override { return size_; }
  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    check(std::find(indices.begin(), indices.end(), damaged_) == indices.end(),
          "a sample is damaged");
    const Tensor ids = Tensor::from({static_cast<int64_t>(indices.size()), 1},
                                    std::vector<int64_t>(indices.begin(), indices.end()));
    return {.inputs = ids, .targets = ids.reshape({-1})};
  }

 private:
  int64_t size_, damaged_;
};

std::vector<double> take(Loader& loader, int64_t items) {
  std::vector<double> all;
  for (int64_t i = 0; i < items; ++i)
    for (const double x : loader.next().batch.targets.to_vector()) all.push_back(x);
  return all;
}

TEST(Shuffled, IsAPermutationThatDependsOnSeedAndEpoch) {
  for (const int64_t size : {1, 2, 5, 64, 1000, 4097}) {
    std::set<int64_t> seen;
    for (int64_t i = 0; i < size; ++i) seen.insert(shuffled(i, size, 7, 3));
    EXPECT_EQ(static_cast<int64_t>(seen.size()), size);
    EXPECT_EQ(*seen.rbegin(), size - 1);
  }
  int64_t same = 0;
  for (int64_t i = 0; i < 1000; ++i) same += shuffled(i, 1000, 7, 3) == shuffled(i, 1000, 7, 4);
  EXPECT_LT(same, 10);
  EXPECT_THROW(shuffled(5, 5, 0, 0), Error);
}

TEST(Loader, AnEpochVisitsEverySampleOnce) {
  const Numbers data(23);
  Loader loader(data, {.batch = 4, .seed = 1});
  EXPECT_EQ(loader.steps_per_epoch(), 5);
  const std::vector<double> seen = take(loader, 5);
  EXPECT_EQ(std::set<double>(seen.begin(), seen.end()).size(), 20u);
  EXPECT_NE(take(loader, 5), seen);  // another order in the next epoch
}

TEST(Loader, ItsThreadComputesWithAsManyThreadsAsAllElse) {
  class Counting final : public Dataset {
   public:
    int64_t size() const override { return 20; }
    Batch batch(std::span<const int64_t> indices, int64_t) const override {
      const auto n = static_cast<int64_t>(indices.size());
      return {.inputs = Tensor::zeros({n, 1}, DType::f32, host),
              .targets = Tensor::full({n}, num_threads(), DType::i64, host)};
    }
  };
  const int before = num_threads();
  set_num_threads(before + 1);
  const Counting data;
  Loader loader(data, {.batch = 4, .prefetch = 1});
  EXPECT_EQ(loader.next().batch.targets.to_vector(), std::vector<double>(4, before + 1));
  set_num_threads(before);
}

TEST(Loader, StartsAnywhereWithAndWithoutAThread) {
  const Numbers data(50);
  Loader whole(data, {.batch = 8, .accumulate = 2, .seed = 5});
  const std::vector<double> all = take(whole, 40);  // 20 steps of 2 micro-batches of 4
  for (const int64_t prefetch : {0, 1, 3}) {
    Loader later(data, {.batch = 8, .accumulate = 2, .seed = 5, .prefetch = prefetch}, 7);
    const Loader::Item first = later.next();
    EXPECT_EQ(first.step, 7);
    EXPECT_EQ(first.epoch, 1);
    EXPECT_EQ(first.batch.targets.to_vector(),
              std::vector<double>(all.begin() + 56, all.begin() + 60));
    EXPECT_EQ(later.next().first_sample, 4);
    EXPECT_EQ(take(later, 10), std::vector<double>(all.begin() + 64, all.begin() + 104));
  }
}

TEST(Loader, RanksTogetherReadTheGlobalBatch) {
  const Numbers data(64);
  for (const int ranks : {2, 3, 4}) {
    Loader one(data, {.batch = 8, .accumulate = 2, .seed = 2});
    std::vector<std::unique_ptr<Loader>> parts;
    for (int rank = 0; rank < ranks; ++rank)
      parts.push_back(std::make_unique<Loader>(
          data, LoaderOptions{
                    .batch = 8, .accumulate = 2, .rank = rank, .world_size = ranks, .seed = 2}));
    for (int part = 0; part < 20; ++part) {
      const Loader::Item whole = one.next();
      std::vector<double> together;
      for (const auto& loader : parts) {
        const Loader::Item item = loader->next();
        EXPECT_EQ(item.first_sample, whole.first_sample + std::ssize(together));
        for (const double x : item.batch.targets.to_vector()) together.push_back(x);
      }
      EXPECT_EQ(together, whole.batch.targets.to_vector());
    }
  }
}

TEST(Loader, ErrorsOfTheThreadArriveInNext) {
  const Numbers data(20, /*damaged=*/13);
  Loader loader(data, {.batch = 5, .shuffle = false});
  take(loader, 2);
  EXPECT_THROW(loader.next(), Error);
}

TEST(Loader, RefusesBatchesThatDoNotFit) {
  const Numbers data(10);
  EXPECT_THROW(Loader(data, {.batch = 11}), Error);
  EXPECT_THROW(Loader(data, {.batch = 8, .accumulate = 3}), Error);
  EXPECT_THROW(Loader(data, {.batch = 8, .accumulate = 4, .world_size = 3}), Error);
}

}  // namespace
}  // namespace lw
