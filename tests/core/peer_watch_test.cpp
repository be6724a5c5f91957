#include "core/peer_watch.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "core/error.h"
#include "tests/compare.h"

namespace lw {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Seconds = PeerWatch::Seconds;

constexpr PeerWatch::Time start{};

PeerWatch::Time at(double seconds) {
  return start + std::chrono::duration_cast<PeerWatch::Clock::duration>(Seconds(seconds));
}

/// Rank 0 of three, with a timeout of four seconds.
PeerWatch watch_of_three() { return {0, {"a", "b", "c"}, Seconds(4), start}; }

TEST(PeerWatch, NamesARankThatIsSilent) {
  PeerWatch watch = watch_of_three();
  for (int second = 1; second <= 4; ++second) {
    watch.heard(2, 0, at(second));
    EXPECT_EQ(watch.look(at(second)), "");
  }
  watch.heard(2, 0, at(4.5));
  EXPECT_THAT(watch.look(at(4.5)),
              StartsWith("rank 1 (b) has not answered for 4 s: it is stopped, gone or cut off\n"));
}

TEST(PeerWatch, ALongSaveIsNoFailureButAnEndlessOneIs) {
  PeerWatch watch = watch_of_three();
  watch.waits(7, at(0));
  for (int second = 1; second <= 40; ++second) {
    watch.heard(1, 6, at(second)), watch.heard(2, 7, at(second));
    ASSERT_EQ(watch.look(at(second)), "") << second;
  }
  watch.heard(1, 6, at(41)), watch.heard(2, 7, at(41));
  EXPECT_THAT(watch.look(at(41)),
              StartsWith("rank 1 (b) is alive, but for 40 s it has not come to what rank 0 waits "
                         "for: it is stuck\n"));
  watch.goes_on();
  EXPECT_EQ(watch.look(at(41)), "");
}

TEST(PeerWatch, AfterAPauseOfItsOwnEverybodyHasTheWholeTime) {
  PeerWatch watch = watch_of_three();
  EXPECT_EQ(watch.look(at(100)), "");
  EXPECT_EQ(watch.look(at(101)), "");
  EXPECT_EQ(watch.look(at(102)), "");
  EXPECT_EQ(watch.look(at(103.5)), "");
  EXPECT_THAT(watch.look(at(104.5)), HasSubstr("has not answered"));
}

TEST(PeerWatch, NamesARankThatIsGoneAtOnce) {
  PeerWatch watch = watch_of_three();
  EXPECT_EQ(watch.look(at(1)), "");
  watch.closed(2);
  EXPECT_THAT(watch.look(at(1)), StartsWith("rank 2 (c) is gone: its connection is closed\n"));
}

TEST(PeerWatch, CountsTheLivingBelow) {
  PeerWatch watch(2, {"a", "b", "c"}, Seconds(4), start);
  watch.heard(1, 0, at(9));
  EXPECT_EQ(watch.lower_alive(at(10)), 1);
  watch.closed(1);
  EXPECT_EQ(watch.lower_alive(at(10)), 0);
}

TEST(PeerWatch, TheTimeoutIsReadFromTheEnvironment) {
  ::unsetenv("LW_PEER_TIMEOUT_S");
  EXPECT_EQ(peer_timeout().count(), 60);
  ::setenv("LW_PEER_TIMEOUT_S", "2.5", 1);
  EXPECT_EQ(peer_timeout().count(), 2.5);
  for (const char* bad : {"", "soon", "0.5", "nan", "3s"}) {
    ::setenv("LW_PEER_TIMEOUT_S", bad, 1);
    EXPECT_EQ(
        error_of([] { peer_timeout(); }),
        str("LW_PEER_TIMEOUT_S: expected a number of seconds from 1 on, received `", bad, "`"));
  }
  ::unsetenv("LW_PEER_TIMEOUT_S");
}

}  // namespace
}  // namespace lw
