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
}

TEST(Log, WarningsAreMarkedAndNoLineHasATime) {
  EXPECT_EQ(stderr_of(one_of_each), "100 %\nwarning: slow {}\n");
}

TEST(Log, OnlyRankZeroInforms) {
  set_log_rank(3, 4);
  EXPECT_EQ(stderr_of(one_of_each), "[rank 3] warning: slow {}\n");
  set_log_rank(0, 4);
  EXPECT_EQ(stderr_of([] { log_info("here"); }), "here\n");
}

}  // namespace
}  // namespace lw
