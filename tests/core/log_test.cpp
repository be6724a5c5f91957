#include "core/log.h"

#include <gtest/gtest.h>

namespace lw {
namespace {

template <class F>
std::string stderr_of(F&& f) {
  testing::internal::CaptureStderr();
  f();
  return testing::internal::GetCapturedStderr();
}

void one_of_each() {
  log_info("100 %");
  log_warning("slow {}");
  log_error("x.yaml:3:5: error: what");
}

TEST(Log, LinesHaveTheirLevelAndNoTime) {
  EXPECT_EQ(stderr_of(one_of_each), "100 %\nwarning: slow {}\nerror: x.yaml:3:5: error: what\n");
}

TEST(Log, LevelsBelowTheLimitAreDropped) {
  set_log_level(LogLevel::error);
  EXPECT_EQ(stderr_of(one_of_each), "error: x.yaml:3:5: error: what\n");
  set_log_level(LogLevel::off);
  EXPECT_EQ(stderr_of(one_of_each), "");
  set_log_level(LogLevel::info);
}

TEST(Log, OnlyRankZeroInforms) {
  set_log_rank(3, 4);
  EXPECT_EQ(stderr_of(one_of_each),
            "[rank 3] warning: slow {}\n[rank 3] error: x.yaml:3:5: error: what\n");
  set_log_rank(0, 4);
  EXPECT_EQ(stderr_of([] { log_info("here"); }), "here\n");
}

}  // namespace
}  // namespace lw
