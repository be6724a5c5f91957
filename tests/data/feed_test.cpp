// What the loader sends ahead to a GPU, here the emulated one, whose copies are done as late as they may be.
#include "data/feed.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "core/device_graph.h"
#include "core/device_runtime.h"
#include "data/loader.h"

namespace lw {
namespace {

const Device gpu{DeviceKind::cuda};

/// Sample i: four times the number i; lengths too, where `with_lengths`.
class Numbers final : public Dataset {
 public:
  explicit Numbers(bool with_lengths = true) : with_lengths_(with_lengths) {}
  int64_t size() const override { return 1000; }
  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto count = static_cast<int64_t>(indices.size());
    std::vector<float> values;
    for (const int64_t i : indices) values.insert(values.end(), 4, static_cast<float>(i));
    const DeviceScope on_host(host);
    Batch batch{.inputs = Tensor::from({count, 4, 1}, values),
                .targets = Tensor::from({count}, std::vector(indices.begin(), indices.end()))};
    if (with_lengths_) batch.lengths = Tensor::full({count}, 4, DType::i64);
    return batch;
  }

 private:
  bool with_lengths_;
};

class FeedTest : public testing::Test {
 protected:
  void SetUp() override {
    if (device_count(gpu.kind) == 0) GTEST_SKIP() << why_missing(gpu);
  }
};

void expect_there(const Batch& batch) {
  for (const Tensor& part : {batch.inputs, batch.targets, batch.lengths})
    if (part.defined()) {
      const Tensor there = part.to(gpu);
      EXPECT_EQ(there.device(), gpu);
      EXPECT_EQ(there.to_vector(), part.to_vector());
    }
}

TEST_F(FeedTest, TheLoaderSendsTheSameBatches) {
  for (const bool with_lengths : {false, true})
    for (const int64_t prefetch : {0, 1, 2, 5}) {
      const Numbers data(with_lengths);
      const LoaderOptions options{.batch = 8, .accumulate = 2, .seed = 3, .prefetch = prefetch};
      Loader here(data, options);
      const DeviceScope on_gpu(gpu);
      Loader there(data, options);
      for (int i = 0; i < 40; ++i) {
        const Loader::Item item = there.next();
        EXPECT_EQ(item.batch.inputs.device(), host);
        EXPECT_EQ(item.batch.inputs.to_vector(), here.next().batch.inputs.to_vector());
        EXPECT_EQ(item.on_device != nullptr, prefetch > 0);
        expect_there(item.batch);
        if (i % 7 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    }
}

TEST_F(FeedTest, WhatIsHeldIsNotOverwritten) {
  const Numbers data;
  const DeviceScope on_gpu(gpu);
  Loader loader(data, {.batch = 8, .seed = 3, .prefetch = 2});
  std::deque<Loader::Item> items;
  std::deque<Tensor> copies;  // outlive the items they belong to
  std::deque<std::vector<double>> expected;
  for (int i = 0; i < 60; ++i) {
    items.push_back(loader.next());
    copies.push_back(items.back().batch.targets.to(gpu));
    expected.push_back(items.back().batch.targets.to_vector());
    if (items.size() > static_cast<size_t>(i % 6)) items.pop_front();
    if (copies.size() > 9) copies.pop_front(), expected.pop_front();
    for (const Loader::Item& item : items) expect_there(item.batch);
    for (size_t j = 0; j < copies.size(); ++j) EXPECT_EQ(copies[j].to_vector(), expected[j]);
  }
}

TEST_F(FeedTest, ACopyThatIsThereIsNotSentAgain) {
  const Numbers data;
  const DeviceScope on_gpu(gpu);
  Loader loader(data, {.batch = 8, .prefetch = 2});
  Loader::Item item = loader.next();
  const Tensor once = item.batch.inputs.to(gpu), twice = item.batch.inputs.to(gpu);
  EXPECT_TRUE(once.shares_storage(twice));
  EXPECT_FALSE(item.batch.inputs.slice(0, 0, 2).to(gpu).shares_storage(once));
  Tensor target = Tensor::zeros(once.shape(), DType::f64);
  target.copy_from(item.batch.inputs);
  EXPECT_EQ(target.to_vector(), item.batch.inputs.to_vector());
  item.on_device.reset();
  EXPECT_FALSE(item.batch.inputs.to(gpu).shares_storage(once));
}

TEST_F(FeedTest, AGraphKeepsNoMemoryOfABatch) {
  const Numbers data;
  const DeviceScope on_gpu(gpu);
  Loader loader(data, {.batch = 8, .prefetch = 2});
  const Loader::Item item = loader.next();
  EXPECT_THROW(DeviceGraph([&] { item.batch.inputs.to(gpu); }), NotRecordable);
}

TEST_F(FeedTest, SendsAheadWhereMemoryIsFree) {
  const Numbers data;
  Feed feed(gpu, 2);
  const std::vector<int64_t> indices{5, 6};
  std::vector<Batch> batches;
  for (int i = 0; i < 4; ++i) batches.push_back(data.batch(indices, 0));
  EXPECT_EQ(feed.send(batches[0]), nullptr);  // the first ones find none yet
  std::shared_ptr<const void> first = feed.arrive(batches[0], nullptr);
  const std::shared_ptr<const void> second = feed.arrive(batches[1], nullptr);
  feed.take_back();
  EXPECT_EQ(feed.send(batches[2]), nullptr);
  EXPECT_EQ(feed.arrive(batches[2], nullptr), nullptr);
  expect_there(batches[2]);  // all the same
  first.reset();
  EXPECT_EQ(feed.send(batches[3]), nullptr);
  feed.take_back();
  Feed::Slot* ahead = feed.send(batches[3]);
  ASSERT_NE(ahead, nullptr);
  const std::shared_ptr<const void> third = feed.arrive(batches[3], ahead);
  expect_there(batches[3]);
}

TEST_F(FeedTest, BatchesOfOtherShapesFindMemoryToo) {
  const Numbers data;
  Feed feed(gpu, 2);
  std::vector<int64_t> indices;
  for (int i = 1; i < 30; ++i) {
    indices.push_back(i);
    if (i % 3 == 0) indices.resize(1);
    const Batch batch = data.batch(indices, 0);
    Feed::Slot* slot = feed.send(batch);
    feed.take_back();
    const auto on_device = feed.arrive(batch, slot);
    ASSERT_NE(on_device, nullptr);
    expect_there(batch);
  }
}

TEST_F(FeedTest, MayEndWithBatchesOnTheirWay) {
  const Numbers data;
  const DeviceScope on_gpu(gpu);
  for (int taken = 0; taken < 6; ++taken) {
    Loader loader(data, {.batch = 8, .prefetch = 3});
    for (int i = 0; i < taken; ++i) expect_there(loader.next().batch);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(Feed, TheCpuNeedsNone) { EXPECT_EQ(Feed::to(host, 3), nullptr); }

}  // namespace
}  // namespace lw
