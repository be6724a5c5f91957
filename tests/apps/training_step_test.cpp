// A training step on the GPU: the host waits for nothing, and a graph computes what its kernels would.
#include "apps/training_step.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "core/config.h"
#include "core/device_runtime.h"
#include "tests/compare.h"

namespace lw {
namespace {

using Overrides = std::vector<std::string>;

constexpr const char* mamba =
    "seed: 1\n"
    "data: {kind: selective_copying, length: 12, tokens: 2, vocabulary: 6, train: 40, validation: "
    "8, test: 8}\n"
    "model: {layer: mamba1, d_model: 8, n_layers: 2, d_state: 4, norm: rms, dropout: 0.2}\n"
    "optim: {lr: 1.0e-2, clip_norm: 0.5, ema: 0.9, schedule: {warmup: 2}}\n"
    "train: {steps: 8, batch: 4}\n";
constexpr const char* s4d =
    "seed: 2\n"
    "data: {kind: digits, size: 8, length: 16, train: 40, validation: 8, test: 8}\n"
    "model: {layer: s4d, d_model: 8, n_layers: 2, d_state: 4, norm: batch, prenorm: false, "
    "drop_path: 0.3}\n"
    "optim: {kind: sgd, momentum: 0.9, lr: 1.0e-2}\n"
    "train: {steps: 8, batch: 4}\n";

/// What steps gave, and how they were made.
struct Ran {
  std::vector<double> outcomes, values, averages;
  std::vector<bool> captured;
  int64_t waits = 0;
};

class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (device_count(DeviceKind::cuda) == 0) GTEST_SKIP() << "this machine has no GPU";
    here_.emplace(Device{DeviceKind::cuda});
  }
  void TearDown() override { ::unsetenv("LW_CUDA_GRAPH"); }

  static RunConfig config_of(const char* text, const Overrides& overrides = {}) {
    RunConfig config;
    Config::parse(text, "test.yaml", overrides).read(config);
    return config;
  }

  static Ran run(const RunConfig& config, int64_t steps = 6) {
    const DataSource data = open_data(config);
    const std::unique_ptr<Model> model = make_model(config, data.task);
    const std::unique_ptr<Optimizer> optimizer =
        config.optim.make(FlatParameters(model->parameters()));
    GradientSums sums(optimizer->parameters(), model->parameters(), ranks());
    std::unique_ptr<WeightAverage> average;
    if (config.optim.ema > 0)
      average = std::make_unique<WeightAverage>(optimizer->parameters(), config.optim.ema);
    TrainingStep step(config, {data.task, *model, *optimizer, sums, average.get(), ranks()});
    Loader loader(*data.train,
                  {.batch = config.train.batch, .accumulate = config.train.accumulate});
    Ran ran;
    std::vector<TrainingStep::Outcome> outcomes;
    const int64_t before = host_waits();
    for (int64_t k = 0; k < steps; ++k) {
      outcomes.push_back(
          step.run(k, 1. / static_cast<double>(k + 1), [&] { return loader.next(); }));
      ran.captured.push_back(step.captured());
    }
    ran.waits = host_waits() - before;
    for (const TrainingStep::Outcome& outcome : outcomes)
      ran.outcomes.insert(ran.outcomes.end(), {outcome.loss_sum(), outcome.grad_norm()});
    const auto append = [](std::vector<double>& all, const Tensor& tensor) {
      for (const double x : tensor.to_vector()) all.push_back(x);
    };
    append(ran.values, optimizer->parameters().values());
    for (const Layer::Buffer& buffer : model->buffers()) append(ran.values, buffer.value);
    for (const Optimizer::StateTensor& state : optimizer->state()) append(ran.values, state.value);
    if (average)
      for (const auto& one : average->state()) append(ran.averages, one.value);
    return ran;
  }

  static void expect_equal(const Ran& a, const Ran& b) {
    EXPECT_EQ(a.outcomes, b.outcomes);
    EXPECT_EQ(a.values, b.values);
    EXPECT_EQ(a.averages, b.averages);
  }

  std::optional<DeviceScope> here_;
};

TEST_F(OnGpu, AStepIsAGraphAndTheHostNeverWaits) {
  for (const char* text : {mamba, s4d})
    for (const char* precision : {"f32", "bf16"}) {
      const RunConfig config = config_of(text, {str("precision=", precision)});
      const Ran graph = run(config);
      EXPECT_EQ(graph.captured, (std::vector<bool>{false, true, true, true, true, true}));
      EXPECT_EQ(graph.waits, 0);
      ::setenv("LW_CUDA_GRAPH", "0", 1);
      const Ran kernels = run(config);
      ::unsetenv("LW_CUDA_GRAPH");
      EXPECT_EQ(kernels.captured, std::vector<bool>(6));
      EXPECT_EQ(kernels.waits, 0);
      expect_equal(graph, kernels);
    }
}

TEST_F(OnGpu, ThePassesOfMicroBatchesAreAGraph) {
  for (const char* text : {mamba, s4d}) {
    const RunConfig config = config_of(text, {"train.accumulate=2"});
    const Ran graph = run(config, 4);
    EXPECT_EQ(graph.captured, (std::vector<bool>{false, true, true, true}));
    EXPECT_EQ(graph.waits, 0);
    ::setenv("LW_CUDA_GRAPH", "0", 1);
    const Ran kernels = run(config, 4);
    ::unsetenv("LW_CUDA_GRAPH");
    EXPECT_EQ(kernels.captured, std::vector<bool>(4));
    expect_equal(graph, kernels);
  }
}

TEST_F(OnGpu, RecomputedLayersSeeTheMasksOfTheirStep) {
  const Overrides whole{"model.recompute=none"}, again{"model.recompute=block"};
  expect_equal(run(config_of(mamba, whole)), run(config_of(mamba, again)));
}

TEST_F(OnGpu, AModelThatNeedsTheHostIsTrainedAllTheSame) {
  const RunConfig config = config_of(s4d, {"model.layer=s4", "model.l_max=8"});
  const Ran ran = run(config, 3);
  EXPECT_EQ(ran.captured, std::vector<bool>(3));
  ::setenv("LW_CUDA_GRAPH", "0", 1);
  expect_equal(ran, run(config, 3));
}

}  // namespace
}  // namespace lw
