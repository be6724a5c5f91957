// Weights in fewer bits: what is stored, what it costs in the logits, and that a step still equals
// the whole.
#include "layers/weight_format.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/quantize/quantize.h"
#include "layers/model.h"
#include "tests/compare.h"

namespace lw {
namespace {

constexpr int64_t vocabulary = 67, layers = 3;

Model language_model(bool tied = true, const std::string& layer = "mamba1") {
  ModelOptions options{.d_model = 48, .n_layers = layers, .norm = "rms", .tie_embeddings = tied};
  options.layer.choose(layer);
  return Model(options, {.vocabulary = vocabulary, .outputs = vocabulary, .every_step = true},
               Random(1));
}

Tensor tokens(int64_t batch, int64_t time) {
  std::vector<int64_t> values(static_cast<size_t>(batch * time));
  for (size_t i = 0; i < values.size(); ++i) values[i] = Random(2).integer_at(i, vocabulary);
  return Tensor::from({batch, time}, values);
}

Tensor logits(const Model& model, const Tensor& x) {
  const NoGrad no_grad;
  return model.forward(x, {}, {.mode = Mode::scan}).y.value();
}

double norm(const Tensor& t) {
  double sum = 0;
  for (const double x : t.to_vector()) sum += x * x;
  return std::sqrt(sum);
}

double relative_distance(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector(), y = b.to_vector();
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return std::sqrt(sum) / norm(b);
}

TEST(WeightFormat, KeepsMatricesAndTablesAndNothingElse) {
  const Model model = language_model(false);
  const StoredWeights whole = store_weights(model.parameters(), WeightFormat::f32);
  EXPECT_EQ(whole.error, 0);
  EXPECT_EQ(whole.worst, "");
  const StoredWeights stored = store_weights(model.parameters(), WeightFormat::int8);
  EXPECT_LT(stored.bytes, whole.bytes / 2);
  EXPECT_NE(stored.worst, "");
  for (const Parameter& p : model.parameters()) {
    const bool streamed = p.name.ends_with("_proj.weight") || p.name == "embedding.weight" ||
                          p.name == "decoder.weight";
    const bool narrow = p.name.ends_with("dt_proj.weight");  // rows of 3
    EXPECT_EQ(kernels::has_int8_rows(p.value.value()), streamed && !narrow) << p.name;
  }
}

TEST(WeightFormat, ErrorsOfTheWeightsAreThoseOfTheFormat) {
  // Uniform weights, relative to their norm: int8 1 / (127 sqrt(12)) / (1 / sqrt(3)); a normal table
  // of 48 columns has a largest element of about 2.4. bf16: at most 2^-9 of each element.
  const StoredWeights int8 = store_weights(language_model().parameters(), WeightFormat::int8);
  EXPECT_GT(int8.error, 0.0035);
  EXPECT_LT(int8.error, 0.008);
  const StoredWeights bf16 = store_weights(language_model().parameters(), WeightFormat::bf16);
  EXPECT_GT(bf16.error, 0.25 / 512);
  EXPECT_LT(bf16.error, 1.0 / 512);
}

/// The logits are off by no more than the independent errors of the products on the way, which add
/// up as squares: four in each block, the table and the head; each at most twice the weights' error.
TEST(WeightFormat, ErrorOfTheLogitsFollowsFromThatOfTheWeights) {
  const Tensor x = tokens(2, 40), expected = logits(language_model(), x);
  for (const WeightFormat format : {WeightFormat::bf16, WeightFormat::int8}) {
    const Model model = language_model();
    const StoredWeights stored = store_weights(model.parameters(), format);
    const double error = relative_distance(logits(model, x), expected);
    EXPECT_LT(error, 2 * stored.error * std::sqrt(4 * layers + 2));
    EXPECT_GT(error, stored.error / 4);
  }
}

void expect_steps_equal_the_whole(const std::string& layer, WeightFormat format, const Tensor& x) {
  SCOPED_TRACE(layer);
  const NoGrad no_grad;
  const Model model = language_model(true, layer);
  store_weights(model.parameters(), format);
  const Tensor whole = logits(model, x);
  const Context step{.mode = Mode::scan, .keep_state = true};
  ModelState state;
  for (int64_t t = 0; t < x.size(1); ++t) {
    Model::Result result = model.forward(x.slice(1, t, t + 1).contiguous(), state, step);
    testing::expect_close(result.y.value(), whole.slice(1, t, t + 1).contiguous(), 5e-5);
    state = std::move(result.state);
  }
}

TEST(WeightFormat, StepsEqualTheWholeInEveryFormat) {
  for (const char* layer : {"mamba1", "s4d"})
    for (const WeightFormat format : {WeightFormat::f32, WeightFormat::bf16, WeightFormat::int8})
      expect_steps_equal_the_whole(layer, format, tokens(2, 30));
}

TEST(WeightFormat, StepsEqualTheWholeForEveryKindOfLayer) {
  for (const std::string& layer : SequenceLayers::Choice(sequence_layers()).kinds())
    for (const WeightFormat format : {WeightFormat::bf16, WeightFormat::int8})
      expect_steps_equal_the_whole(layer, format, tokens(1, 5));
}

TEST(WeightFormat, AStepOfABatchHasTheBitsOfEachSequence) {
  const NoGrad no_grad;
  const Context step{.mode = Mode::scan, .keep_state = true};
  const Model model = language_model();
  const Tensor x = tokens(3, 6);
  const auto last_logits = [&](const Tensor& ids) {
    ModelState state;
    Tensor y;
    for (int64_t t = 0; t < 6; ++t) {
      Model::Result result = model.forward(ids.slice(1, t, t + 1).contiguous(), state, step);
      state = std::move(result.state), y = result.y.value();
    }
    return y;
  };
  const Tensor together = last_logits(x);
  for (int64_t b = 0; b < 3; ++b)
    EXPECT_TRUE(testing::same_bits(last_logits(x.slice(0, b, b + 1).contiguous()),
                                   together.slice(0, b, b + 1)));
}

TEST(WeightFormat, StoredWeightsAreNotTrained) {
  for (const auto& [format, name] :
       {std::pair{WeightFormat::bf16, "bf16"}, {WeightFormat::int8, "int8"}}) {
    const Model model = language_model();
    store_weights(model.parameters(), format);
    EXPECT_EQ(testing::error_of([&] { model.forward(tokens(1, 3)); }),
              str("embedding: `table` is stored in ", name,
                  " for inference; nothing can be differentiated through it\n  compute under "
                  "NoGrad, or keep the weights in f32"));
  }
  EXPECT_EQ(testing::error_of([] { weight_format("int4"); }),
            "weights: expected f32, bf16 or int8, received `int4`");
}

}  // namespace
}  // namespace lw
