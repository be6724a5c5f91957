#include "autograd/fixed_weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"

namespace lw {
namespace {

class FixedWeightsTest : public testing::Test {
 protected:
  /// e^weight, and how often it has been computed.
  Variable derived(const void* owner) {
    return FixedWeights::derive(owner, [&] {
      ++computed_;
      return exp(weight_);
    });
  }

  Variable weight_{Tensor::full({3}, 1), true};
  int computed_ = 0;
  int a_ = 0, b_ = 0;  // owners
};

TEST_F(FixedWeightsTest, AGuardKeepsWhatIsDerived) {
  const NoGrad no_grad;
  {
    const FixedWeights fixed;
    EXPECT_TRUE(derived(&a_).same_as(derived(&a_)));
    EXPECT_EQ(computed_, 1);
    EXPECT_FALSE(derived(&b_).same_as(derived(&a_)));
    EXPECT_EQ(computed_, 2);
    {
      const FixedWeights inner;  // of another model, perhaps
      derived(&a_);
      EXPECT_EQ(computed_, 3);
    }
    derived(&a_);
    EXPECT_EQ(computed_, 3);
  }
  weight_.set_value(Tensor::full({3}, 2));
  EXPECT_NEAR(derived(&a_).value().at({0}), std::exp(2.0), 1e-5);
}

TEST_F(FixedWeightsTest, AGraphIsMadeAnew) {
  const FixedWeights fixed;
  derived(&a_).backward(Tensor::full({3}, 1));
  derived(&a_).backward(Tensor::full({3}, 1));
  EXPECT_EQ(computed_, 2);
  EXPECT_NEAR(weight_.grad().at({0}), 2 * std::exp(1.0), 1e-5);
}

}  // namespace
}  // namespace lw
