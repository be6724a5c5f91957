#include "layers/transformer.h"

#include <gtest/gtest.h>

#include "tests/layers/laws.h"

namespace lw {
namespace {

class TransformerLaws : public ::testing::TestWithParam<std::string> {};
TEST_P(TransformerLaws, Hold) { expect_laws("transformer", GetParam()); }
INSTANTIATE_TEST_SUITE_P(Variants, TransformerLaws,
                         ::testing::ValuesIn(layer_variants("transformer")));

TEST(Transformer, ItsStateGrowsWithTheText) {
  const NoGrad no_grad;
  const Transformer layer({.heads = 2}, {.d_model = 8}, Random(1));
  State state;
  for (int64_t t = 1; t <= 3; ++t) {
    state = layer.forward(Random(2).normal({2, 4, 8}), state, {.keep_state = true}).state;
    EXPECT_EQ(state[0].shape(), (Shape{2, 4 * t, 8}));
    EXPECT_EQ(state[2].shape(), (Shape{2, 4 * t}));
  }
}

TEST(Transformer, WrongOptionsAndStatesAreRefused) {
  EXPECT_EQ(testing::error_of([] { Transformer({.heads = 4}, {.d_model = 12}, Random(1)); }),
            "transformer: d_model is 12, which 4 heads do not divide into even parts\n"
            "  take a multiple of 8");
  const Transformer layer({.heads = 1}, {.d_model = 4}, Random(1));
  const Tensor x = Tensor::zeros({1, 3, 4});
  EXPECT_THROW(layer.forward(x, {Variable(x)}, {}), Error);
}

}  // namespace
}  // namespace lw
