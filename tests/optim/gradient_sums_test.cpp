#include "optim/gradient_sums.h"

#include <gmock/gmock.h>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "kernels/accumulate/accumulate.h"
#include "tests/compare.h"

namespace lw {
namespace {

using ::testing::ElementsAre;
using testing::error_of;

/// Two ranks with equal gradients, of which one is played: a sum doubles. Notes where each tensor began.
class Doubling final : public Communicator {
 public:
  Doubling() : Communicator(0, 2) {}
  std::vector<double> gather(std::span<const double> values) override {
    std::vector<double> all(values.begin(), values.end());
    all.insert(all.end(), values.begin(), values.end());
    return all;
  }
  std::string broadcast(const std::string& bytes) override { return bytes; }
  void start_sum(const Tensor& tensor) override {
    Tensor doubled = tensor;
    kernels::accumulate(tensor.clone(), doubled);
    started.push_back(tensor.numel());
  }
  void wait_sums() override { waited = started.size(); }
  int end(int code, const std::string&, const std::function<void()>&) override { return code; }

  std::vector<int64_t> started;
  size_t waited = 0;
};

/// Parameters of 16, 32 and 48 elements, and one that no loss depends on; a bucket each.
struct Fixture {
  Fixture() {
    for (const int64_t size : {16, 32, 48, 64})
      parameters.push_back({str("p", size), Role::matrix, Variable(Tensor::full({size}, 3), true)});
    flat = std::make_unique<FlatParameters>(parameters);
    sums = std::make_unique<GradientSums>(*flat, parameters, ranks, /*bucket_bytes=*/1);
  }
  /// The chain reaches p48 first and p16 last.
  Variable loss() const {
    Variable total = sum(parameters[0].value * parameters[0].value);
    for (const int i : {1, 2}) total = total + sum(parameters[i].value * parameters[i].value);
    return total;
  }

  Doubling ranks;
  Parameters parameters;
  std::unique_ptr<FlatParameters> flat;
  std::unique_ptr<GradientSums> sums;
};

TEST(GradientSums, BucketsLeaveInTheOrderOfTheirCompletionAndEachOnce) {
  Fixture f;
  f.sums->expect();
  f.loss().backward();
  EXPECT_TRUE(f.ranks.started.empty());  // the first in order has no gradient on this rank
  f.sums->finish();
  EXPECT_THAT(f.ranks.started, ElementsAre(64, 48, 32, 16));
  EXPECT_EQ(f.ranks.waited, 4u);
  EXPECT_EQ(f.parameters[1].value.grad().at({31}), 12);
  EXPECT_EQ(f.parameters[3].value.grad().at({0}), 0);
}

TEST(GradientSums, WhatIsCompleteLeavesDuringTheBackwardPass) {
  Fixture f;
  f.sums->expect();
  (f.loss() + sum(f.parameters[3].value)).backward();
  EXPECT_THAT(f.ranks.started, ElementsAre(64, 48, 32, 16));
  f.sums->finish();
  EXPECT_EQ(f.ranks.started.size(), 4u);
}

TEST(GradientSums, EarlierPassesOnlyAddUp) {
  Fixture f;
  f.loss().backward();
  EXPECT_TRUE(f.ranks.started.empty());
  f.sums->expect();
  f.loss().backward();
  f.sums->finish();
  EXPECT_EQ(f.parameters[0].value.grad().at({0}), 24);
}

TEST(GradientSums, SmallParametersShareABucket) {
  Fixture f;
  GradientSums shared(*f.flat, f.parameters, f.ranks);
  shared.expect();
  f.loss().backward();
  shared.finish();
  EXPECT_THAT(f.ranks.started, ElementsAre(160));
}

TEST(GradientSums, AGradientThatGrowsLaterIsRefused) {
  Fixture f;
  f.sums->expect();
  f.loss().backward();
  EXPECT_EQ(
      error_of([&] { f.loss().backward(); }),
      "GradientSums: the gradient of a parameter grew after it was complete; a layer must not "
      "use one parameter in several calls of checkpoint()");
}

TEST(GradientSums, OneProcessDoesNothing) {
  Fixture f;
  GradientSums alone(*f.flat, f.parameters, ranks());
  alone.expect();
  alone.finish();
  EXPECT_FALSE(f.parameters[0].value.grad().defined());
}

}  // namespace
}  // namespace lw
