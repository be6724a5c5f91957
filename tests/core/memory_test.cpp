#include "core/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

#include "core/error.h"

namespace lw {
namespace {

bool aligned(const std::shared_ptr<std::byte>& block, uintptr_t to) {
  return reinterpret_cast<uintptr_t>(block.get()) % to == 0;
}

int64_t page_faults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

/// The bytes that a block of `bytes` counts for.
int64_t counted(int64_t bytes) {
  const int64_t before = memory_use().used;
  const auto block = allocate(bytes);
  return memory_use().used - before;
}

TEST(Memory, BlocksAreAlignedToALineAndLargeOnesToAHugePage) {
  for (const int64_t bytes : {0, 1, 63, 64, 65, 1000, 100'000, 2'000'000})
    EXPECT_TRUE(aligned(allocate(bytes), 64)) << bytes;
  for (const int64_t bytes : {2 << 20, 3'000'001, 40'000'000})
    EXPECT_TRUE(aligned(allocate(bytes), 2 << 20)) << bytes;
}

TEST(Memory, SlackIsAQuarterOfASmallBlockAndASixteenthOfALargeOne) {
  for (int64_t bytes = 1; bytes < (int64_t{1} << 23); bytes += 1 + bytes / 7) {
    const int64_t most = bytes <= (64 << 10) ? std::max<int64_t>(64, bytes / 4) : bytes / 16;
    EXPECT_GE(counted(bytes), bytes);
    EXPECT_LE(counted(bytes), bytes + most) << bytes;
    EXPECT_EQ(counted(bytes) % 64, 0);
  }
  EXPECT_EQ(counted(1 << 23), 1 << 23);
}

TEST(Memory, AFreedBlockIsHandedOutAgain) {
  auto first = allocate(1'000'000);
  const std::byte* where = first.get();
  first.reset();
  const int64_t cached = memory_use().cached;
  const auto second = allocate(999'999);
  EXPECT_EQ(second.get(), where);
  EXPECT_LT(memory_use().cached, cached);
}

TEST(Memory, ThePeakIsTheMostThatLivedAtOnce) {
  reset_peak_memory();
  const int64_t before = memory_use().used;
  {
    const auto a = allocate(1 << 20);
    const auto b = allocate(1 << 20);
  }
  const auto c = allocate(1 << 20);
  EXPECT_EQ(memory_use().used, before + (1 << 20));
  EXPECT_EQ(memory_use().peak, before + (2 << 20));
  reset_peak_memory();
  EXPECT_EQ(memory_use().peak, memory_use().used);
}

TEST(Memory, AStepThatWasTakenBeforeMeetsNoPageFault) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer touches pages of its own";
#endif
  const auto step = [] {
    std::vector<std::shared_ptr<std::byte>> blocks;
    for (const int64_t bytes : {100, 5000, 70'000, 300'000, 2'500'000, 9'000'000})
      for (int i = 0; i < 3; ++i) {
        blocks.push_back(allocate(bytes));
        for (int64_t at = 0; at < bytes; at += 4096) blocks.back().get()[at] = std::byte{1};
      }
  };
  step();
  const int64_t before = page_faults();
  for (int i = 0; i < 10; ++i) step();
  EXPECT_LE(page_faults() - before, 4);  // of the test itself
}

TEST(Memory, ReleaseGivesTheCacheBack) {
  allocate(3 << 20);
  EXPECT_GT(memory_use().cached, 0);
  release_cached_memory();
  EXPECT_EQ(memory_use().cached, 0);
}

TEST(Memory, AnImpossibleRequestIsRefusedAndTheCacheGivenBackFirst) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer ends the program instead";
#endif
  allocate(1 << 20);
  const int64_t used = memory_use().used;
  try {
    allocate(int64_t{1} << 60);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::memory);
    EXPECT_TRUE(std::string(error.what()).starts_with("out of memory: 1152921504606846976 bytes"))
        << error.what();
  }
  EXPECT_EQ(memory_use().used, used);
  EXPECT_EQ(memory_use().cached, 0);
}

}  // namespace
}  // namespace lw
