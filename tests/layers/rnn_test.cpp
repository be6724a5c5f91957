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

/// The bias of gate `gate` of 5 channels, which two parameters make up.
std::vector<double> bias_of(const RnnLayer& layer, int64_t gate) {
  std::vector<double> sum(5);
  for (const char* name : {"bias", "in_proj.bias"})
    for (int64_t c = 0; c < 5; ++c)
      sum[static_cast<size_t>(c)] += value_of(layer, name).at({5 * gate + c});
  return sum;
}

TEST(RnnLayer, TheForgetGateStartsOpen) {
  const LstmLayerOptions options{{.d_hidden = 5}, 1.5, {}};
  const RnnLayer layer(options, {.d_model = 3}, Random(1));
  for (const double b : bias_of(layer, 1)) EXPECT_EQ(b, 1.5);
  for (const int64_t gate : {0, 2, 3})
    for (const double b : bias_of(layer, gate))
      EXPECT_LE(std::abs(b), 1 / std::sqrt(5) + 1 / std::sqrt(3));
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
