#include "layers/rnn.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/layers/laws.h"

namespace lw {
namespace {

class RnnLaws : public ::testing::TestWithParam<std::string> {};
TEST_P(RnnLaws, Hold) {
  for (const std::string& variant : layer_variants(GetParam())) expect_laws(GetParam(), variant);
}
INSTANTIATE_TEST_SUITE_P(Kinds, RnnLaws, ::testing::Values("rnn", "lstm", "gru"));

/// Gate `gate` of a bias of 5 channels.
std::vector<double> part_of(const RnnLayer& layer, const std::string& bias, int64_t gate) {
  return value_of(layer, bias).slice(0, 5 * gate, 5 * gate + 5).to_vector();
}

/// The bias of a gate, which two parameters make up.
std::vector<double> bias_of(const RnnLayer& layer, int64_t gate) {
  std::vector<double> sum = part_of(layer, "bias", gate);
  const std::vector<double> of_input = part_of(layer, "in_proj.bias", gate);
  for (size_t c = 0; c < 5; ++c) sum[c] += of_input[c];
  return sum;
}

TEST(RnnLayer, TheForgetGateStartsOpen) {
  const LstmLayerOptions options{{.d_hidden = 5}, 1.5, {}};
  const RnnLayer layer(options, {.d_model = 3}, Random(1));
  for (const double b : bias_of(layer, 1)) EXPECT_EQ(b, 1.5);
  for (const int64_t gate : {0, 2, 3}) {
    for (const double b : part_of(layer, "bias", gate)) EXPECT_LE(std::abs(b), 1 / std::sqrt(5));
    for (const double b : part_of(layer, "in_proj.bias", gate))
      EXPECT_LE(std::abs(b), 1 / std::sqrt(3));
  }
}

TEST(RnnLayer, ChronoBiasesAreForMemoriesOfUpToT) {
  const RnnLayer lstm(LstmLayerOptions{{.d_hidden = 5}, 1, 100}, {.d_model = 3}, Random(1));
  const std::vector<double> input = bias_of(lstm, 0), forget = bias_of(lstm, 1);
  for (size_t c = 0; c < 5; ++c) {
    EXPECT_GE(forget[c], 0);
    EXPECT_LE(forget[c], std::log(99));
    EXPECT_EQ(input[c], -forget[c]);
  }
  EXPECT_NE(forget[0], forget[1]);
  const RnnLayer gru(GruLayerOptions{{.d_hidden = 5}, 100}, {.d_model = 3}, Random(1));
  for (const double b : bias_of(gru, 1)) EXPECT_GE(b, 0);
}

TEST(RnnLayer, WrongStatesAreRefused) {
  const RnnLayer layer(RnnLayerOptions{}, {.d_model = 3}, Random(1));
  const Tensor x = Tensor::zeros({1, 3, 3});
  EXPECT_EQ(testing::error_of([&] {
              layer.forward(x, {Variable(x), Variable(x)}, {});
            }),
            "rnn: expected a state of 1 tensor, received 2");
}

}  // namespace
}  // namespace lw
