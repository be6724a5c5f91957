#include "optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lw {
namespace {

TEST(Schedule, WarmsUpOverAGivenNumberOfSteps) {
  const Schedule s({.kind = "constant", .warmup = 4}, 100);
  EXPECT_DOUBLE_EQ(s.factor(0), 0.25);
  EXPECT_DOUBLE_EQ(s.factor(2), 0.75);
  EXPECT_DOUBLE_EQ(s.factor(3), 1);
  EXPECT_DOUBLE_EQ(s.factor(99), 1);
  EXPECT_EQ(s.warning(), "");
  EXPECT_EQ(Schedule({.warmup_fraction = 0.1}, 100).warmup(), 10);
  EXPECT_THROW(Schedule({.warmup = 1, .warmup_fraction = 0.1}, 100), Error);
}

TEST(Schedule, ClipsAWarmUpLongerThanTheRun) {
  const Schedule s({.warmup = 1000}, 10);
  EXPECT_EQ(s.warning(),
            "the warm-up of 1000 steps is longer than the run; it is clipped to 10 steps");
  EXPECT_DOUBLE_EQ(s.factor(9), 1);
}

TEST(Schedule, LinearAndCosineEndAtTheFinalFactor) {
  const Schedule linear({.kind = "linear", .warmup = 10, .final_factor = 0.2}, 110);
  EXPECT_DOUBLE_EQ(linear.factor(10), 1);
  EXPECT_DOUBLE_EQ(linear.factor(60), 0.6);
  EXPECT_DOUBLE_EQ(linear.factor(110), 0.2);
  EXPECT_DOUBLE_EQ(linear.factor(1000), 0.2);
  const Schedule cosine({.kind = "cosine", .warmup = 10, .final_factor = 0.1}, 110);
  EXPECT_DOUBLE_EQ(cosine.factor(10), 1);
  EXPECT_DOUBLE_EQ(cosine.factor(60), 0.55);
  EXPECT_DOUBLE_EQ(cosine.factor(35), 0.1 + 0.9 * (1 + std::sqrt(0.5)) / 2);
  EXPECT_DOUBLE_EQ(cosine.factor(110), 0.1);
}

TEST(Schedule, StepDropsAtMilestonesOrRegularly) {
  const Schedule at({.kind = "step", .gamma = 0.5, .milestones = {10, 20}}, 100);
  EXPECT_DOUBLE_EQ(at.factor(9), 1);
  EXPECT_DOUBLE_EQ(at.factor(10), 0.5);
  EXPECT_DOUBLE_EQ(at.factor(99), 0.25);
  const Schedule regularly({.kind = "step", .gamma = 0.5, .every = 30}, 100);
  EXPECT_DOUBLE_EQ(regularly.factor(29), 1);
  EXPECT_DOUBLE_EQ(regularly.factor(90), 0.125);
  EXPECT_THROW(Schedule({.kind = "step"}, 100), Error);
}

TEST(Schedule, WsdIsStableAndThenDecays) {
  const Schedule s({.kind = "wsd", .warmup = 5, .decay_fraction = 0.2}, 100);
  EXPECT_DOUBLE_EQ(s.factor(5), 1);
  EXPECT_DOUBLE_EQ(s.factor(80), 1);
  EXPECT_DOUBLE_EQ(s.factor(90), 0.5);
  EXPECT_DOUBLE_EQ(s.factor(100), 0);
}

TEST(Schedule, WsdDecaysOverNothingOrEverything) {
  const Schedule never({.kind = "wsd", .warmup = 5, .decay_fraction = 0}, 100);
  for (const int64_t step : {5, 50, 99}) EXPECT_DOUBLE_EQ(never.factor(step), 1) << step;
  const Schedule all({.kind = "wsd", .warmup = 10, .final_factor = 0.5, .decay_fraction = 1}, 110);
  EXPECT_DOUBLE_EQ(all.factor(10), 1);
  EXPECT_DOUBLE_EQ(all.factor(60), 0.75);
  EXPECT_DOUBLE_EQ(all.factor(110), 0.5);
}

TEST(Schedule, PlateauWaitsForTheMetricAndResumes) {
  const ScheduleOptions options{
      .kind = "plateau", .final_factor = 0.2, .gamma = 0.5, .patience = 1};
  Schedule s(options, 100);
  for (const double loss : {3.0, 2.0, 2.0}) s.observe(loss);
  EXPECT_EQ(s.factor(50), 1);
  Schedule resumed(options, 100);
  resumed.restore(s.plateau());
  for (Schedule* schedule : {&s, &resumed}) {
    schedule->observe(2.0);  // the second evaluation without improvement
    EXPECT_EQ(schedule->factor(50), 0.5);
    for (int i = 0; i < 10; ++i) schedule->observe(5.0);
    EXPECT_EQ(schedule->factor(50), 0.2);
  }
}

}  // namespace
}  // namespace lw
