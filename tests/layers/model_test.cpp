#include "layers/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "autograd/ops/cross_entropy.h"
#include "layers/mamba1.h"
#include "layers/s4.h"
#include "layers/s4d.h"
#include "layers/s5.h"
#include "tests/compare.h"

namespace lw {
namespace {

ModelOptions mamba(const std::string& norm = "rms") {
  ModelOptions options{.d_model = 8, .n_layers = 2, .norm = norm};
  options.layer.choose("mamba1");
  return options;
}

Tensor ids(const Shape& shape, int64_t below) {
  std::vector<int64_t> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<int64_t>(7 * i + i / 3) % below;
  return Tensor::from(shape, values);
}

const ModelPorts language{.vocabulary = 11, .outputs = 11, .every_step = true};
const ModelPorts labels{.features = 3, .outputs = 5};

TEST(Model, NamesAreUniqueAndInitialValuesDependOnSeedAndNameAlone) {
  const Model small(mamba(), language, Random(1));
  ModelOptions deeper = mamba();
  deeper.n_layers = 3;
  deeper.layer.as<Mamba1Options>().rescale_prenorm_residual = false;
  ModelOptions same = mamba();
  same.layer.as<Mamba1Options>().rescale_prenorm_residual = false;
  const Model two(same, language, Random(1)), three(deeper, language, Random(1)),
      other(same, language, Random(2));
  std::set<std::string> names;
  const Parameters a = two.parameters(), b = three.parameters(), c = other.parameters();
  for (const Parameter& p : b) EXPECT_TRUE(names.insert(p.name).second) << p.name;
  EXPECT_TRUE(names.contains("layers.2.layer.in_proj.weight"));
  for (const Parameter& p : a) {
    const auto twin =
        std::find_if(b.begin(), b.end(), [&](const Parameter& q) { return q.name == p.name; });
    ASSERT_NE(twin, b.end());
    EXPECT_EQ(p.value.value().to_vector(), twin->value.value().to_vector()) << p.name;
  }
  EXPECT_NE(a[0].value.value().to_vector(), c[0].value.value().to_vector());
}

TEST(Model, ALanguageModelTiesItsEmbedding) {
  const Model tied(mamba(), language, Random(1));
  ModelOptions free = mamba();
  free.tie_embeddings = false;
  const Model untied(free, language, Random(1));
  EXPECT_EQ(untied.parameters().size(),
            tied.parameters().size() + 2);  // weight and bias of the decoder
  const Model::Result result = tied.forward(ids({2, 6}, 11));
  EXPECT_EQ(result.y.shape(), (Shape{2, 6, 11}));
  EXPECT_TRUE(result.y.value().all_finite());
}

TEST(Model, StatesGoThroughTheWholeModel) {
  const NoGrad no_grad;
  const Model model(mamba(), language, Random(1));
  const Tensor x = ids({2, 12}, 11);
  const Context keep{.keep_state = true};
  const Tensor whole = model.forward(x).y.value();
  Model::Result part = model.forward(x.slice(1, 0, 5).contiguous(), {}, keep);
  EXPECT_EQ(part.state.size(), 2u);
  for (int64_t t = 5; t < 12; ++t) {
    part = model.forward(x.slice(1, t, t + 1).contiguous(), part.state, keep);
    for (int64_t v = 0; v < 11; ++v)
      EXPECT_NEAR(part.y.value().at({1, 0, v}), whole.at({1, t, v}), 1e-5);
  }
}

TEST(Model, PoolingHonoursLengths) {
  const NoGrad no_grad;
  for (const std::string pool : {"mean", "last"}) {
    ModelOptions options = mamba("layer");
    options.pool = pool;
    const Model model(options, labels, Random(1));
    const Tensor x = Random(3).normal({2, 9, 3});
    const Tensor lengths = Tensor::from({2}, std::vector<int64_t>{4, 9});
    const Tensor padded = model.forward(x, {}, {}, lengths).y.value();
    const Tensor cut = model.forward(x.slice(0, 0, 1).slice(1, 0, 4).contiguous()).y.value();
    for (int64_t c = 0; c < 5; ++c) EXPECT_NEAR(padded.at({0, c}), cut.at({0, c}), 1e-5) << pool;
  }
}

TEST(Model, WhatFollowsASequenceIsNotReadBackwards) {
  const NoGrad no_grad;
  const auto of = [](const char* kind) {
    ModelOptions options{.d_model = 8, .n_layers = 2};
    options.layer.choose(kind);
    return options;
  };
  ModelOptions s4 = of("s4"), s4d = of("s4d"), s5 = of("s5");
  s4.layer.as<S4Options>().bidirectional = true;
  s4d.layer.as<S4DOptions>().bidirectional = true;
  s5.layer.as<S5Options>().bidirectional = true;
  for (const ModelOptions& options : {s4, s4d, s5}) {
    const Model model(options, {.vocabulary = 11, .outputs = 5}, Random(1));
    const Tensor x = ids({2, 17}, 11), lengths = Tensor::from({2}, std::vector<int64_t>{9, 17});
    Tensor longer = Tensor::zeros({2, 30}, DType::i64);
    longer.slice(1, 0, 17).copy_from(x);
    Tensor other = x.clone();
    other.slice(0, 0, 1).slice(1, 9, 17).fill(3);
    const Tensor y = model.forward(x, {}, {}, lengths).y.value();
    for (const Tensor& padded : {longer, other})
      testing::expect_close(model.forward(padded, {}, {}, lengths).y.value(), y, 1e-5);
  }
}

TEST(Model, EveryNormAndResidualTrains) {
  for (const std::string& norm : norm_kinds) {
    for (const bool prenorm : {true, false}) {
      for (const std::string residual : {"plain", "gated"}) {
        ModelOptions options = mamba(norm);
        options.prenorm = prenorm;
        options.residual = residual;
        options.dropout = 0.1;
        options.drop_path = 0.1;
        options.tie_dropout = prenorm;
        const Model model(options, labels, Random(1));
        const Training training;
        const Variable y = model.forward(Random(2).normal({4, 7, 3})).y;
        cross_entropy(y, ids({4}, 5)).backward();
        for (const Parameter& p : model.parameters()) {
          ASSERT_TRUE(p.value.grad().defined()) << norm << " " << p.name;
          EXPECT_TRUE(p.value.grad().all_finite()) << norm << " " << p.name;
        }
      }
    }
  }
}

TEST(Model, TellsWhatEachLayerReads) {
  const NoGrad no_grad;
  for (const bool prenorm : {true, false}) {
    ModelOptions options = mamba("layer");
    options.prenorm = prenorm;
    const Model model(options, labels, Random(1));
    const Tensor x = Random(2).normal({4, 7, 3});
    const Variables inputs = model.inputs_of_layers(x);
    ASSERT_EQ(inputs.size(), model.blocks().size());
    // The last block, given its input, leads to the output of the model.
    const Output last = model.blocks()[1]->layer().forward(inputs[1], {}, {.keep_state = true});
    const Model::Result all = model.forward(x, {}, {.keep_state = true});
    for (size_t i = 0; i < last.state.size(); ++i)
      EXPECT_EQ(last.state[i].value().to_vector(), all.state[1][i].value().to_vector());
  }
}

TEST(Model, BatchNormKeepsAverages) {
  const Model model(mamba("batch"), labels, Random(1));
  EXPECT_EQ(model.buffers().size(), 6u);  // mean and variance of two blocks and of the last norm
  const std::vector<double> before = model.buffers()[0].value.to_vector();
  model.forward(Random(2).normal({4, 7, 3}, 5));
  EXPECT_EQ(model.buffers()[0].value.to_vector(), before);
  const Training training;
  model.forward(Random(2).normal({4, 7, 3}, 5));
  EXPECT_NE(model.buffers()[0].value.to_vector(), before);
}

}  // namespace
}  // namespace lw
