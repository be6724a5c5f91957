#include "core/device_graph.h"

#include <gtest/gtest.h>

#include <optional>

#include "core/device_runtime.h"
#include "core/index_check.h"
#include "core/tensor.h"
#include "kernels/accumulate/accumulate.h"
#include "tests/compare.h"

namespace lw {
namespace {

constexpr Device gpu{DeviceKind::cuda};

class Graph : public ::testing::Test {
 protected:
  void SetUp() override {
    if (device_count(DeviceKind::cuda) == 0) GTEST_SKIP() << "this machine has no GPU";
    here_.emplace(gpu);
  }

  std::optional<DeviceScope> here_;
};

/// 2 x + 1, by way of a tensor that is gone afterwards.
Tensor twice_and_one(const Tensor& x) {
  Tensor twice = x.clone();
  kernels::accumulate(x, twice);
  Tensor y = Tensor::full(x.shape(), 1);
  kernels::accumulate(twice, y);
  return y;
}

TEST_F(Graph, DoesTheWorkWhenItIsLaunched) {
  Tensor x = Tensor::full({33}, 3), y = Tensor::zeros({33});
  DeviceGraph graph([&] { y.copy_from(twice_and_one(x)); });
  EXPECT_EQ(y.at({32}), 0);
  const int64_t before = host_waits();
  graph.launch();
  EXPECT_EQ(host_waits(), before);
  EXPECT_EQ(y.at({32}), 7);
  x.copy_from(Tensor::full({33}, 5, DType::f32, host));
  graph.launch();
  EXPECT_EQ(y.at({32}), 11);
}

TEST_F(Graph, NobodyElseGetsItsMemory) {
  Tensor x = Tensor::full({33}, 3), y;
  {
    DeviceGraph graph([&] { y = twice_and_one(x); });
    Tensors others;
    for (int i = 0; i < 8; ++i) others.push_back(Tensor::full({33}, 9));
    graph.launch();
    for (const Tensor& other : others) EXPECT_EQ(other.at({0}), 9);
    EXPECT_EQ(y.at({0}), 7);
    const int64_t with_graph = memory_use(gpu).used;
    others.clear();
    graph.launch();
    EXPECT_LT(memory_use(gpu).used, with_graph);
  }
  EXPECT_EQ(y.at({0}), 7);  // it outlives the graph
}

TEST_F(Graph, GivesItsMemoryBack) {
  const int64_t before = memory_use(gpu).used;
  {
    Tensor x = Tensor::full({1000}, 3), y = Tensor::zeros({1000});
    const DeviceGraph graph([&] { y.copy_from(twice_and_one(x)); });
    EXPECT_GT(memory_use(gpu).used, before + 2 * 4000);
  }
  EXPECT_EQ(memory_use(gpu).used, before);
}

TEST_F(Graph, RefusesWhatNeedsTheHost) {
  const Tensor x = Tensor::full({3}, 3);
  Tensor y = Tensor::zeros({3});
  const auto record = [&](const std::function<void()>& work) {
    try {
      const DeviceGraph graph([&] {
        y.fill(8);
        work();
      });
    } catch (const NotRecordable& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(record([] {}), "");
  EXPECT_EQ(record([&] { x.at({0}); }), "cuda: a copy to the host cannot be part of a CUDA graph");
  EXPECT_EQ(record([&] { y.copy_from(Tensor::zeros({3}, DType::f32, host)); }),
            "cuda: a copy from the host cannot be part of a CUDA graph");
  EXPECT_EQ(record([&] { runtime_of(gpu).synchronize(); }),
            "cuda: a wait of the host cannot be part of a CUDA graph");
  EXPECT_FALSE(DeviceGraph::recording(gpu));
  EXPECT_EQ(y.at({0}), 0);  // nothing was done
}

TEST_F(Graph, IndicesAreCheckedByWhoeverLaunches) {
  const Tensor ids = Tensor::full({2}, 7, DType::i64);
  EXPECT_EQ(testing::error_of([&] { check_indices("op", "ids", ids, 5); }),
            "op: `ids` is 7 at [0], expected 0 <= index < 5");
  const DeviceGraph graph([&] { check_indices("op", "ids", ids, 5); });
}

TEST(GraphOfTheCpu, IsRefused) {
  EXPECT_EQ(testing::error_of([] { DeviceGraph([] {}); }),
            "the CPU does what it is given; it records nothing");
}

}  // namespace
}  // namespace lw
