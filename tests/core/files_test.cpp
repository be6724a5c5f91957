#include "core/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "core/fault.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(Files, WritesAndReadsWhole) {
  const TemporaryFolder folder;
  const std::string bytes("a\0b\n\xff", 5);
  write_file(folder / "x", bytes);
  EXPECT_EQ(read_file(folder / "x"), bytes);
  write_file(folder / "x", "");
  EXPECT_EQ(read_file(folder / "x"), "");
  EXPECT_EQ(list_directory(folder.path()), std::vector<std::string>{"x"});
}

TEST(Files, RefusalsNameThePathAndTheReason) {
  const TemporaryFolder folder;
  const Path missing = folder / "missing";
  EXPECT_EQ(error_of(ErrorKind::data, [&] { read_file(missing); }),
            missing.string() + ": error: cannot open: No such file or directory");
  EXPECT_EQ(error_of(ErrorKind::data, [&] { read_file(folder.path()); }),
            folder.path().string() + ": error: expected a regular file");
  write_file(folder / "x", "12345");
  EXPECT_EQ(error_of(ErrorKind::data, [&] { read_file(folder / "x", 4); }),
            (folder / "x").string() + ": error: 5 bytes, expected at most 4");
  EXPECT_THAT(error_of(ErrorKind::disk, [&] { write_file(folder / "no" / "x", "1"); }),
              HasSubstr("cannot create: No such file or directory"));
  EXPECT_THAT(error_of(ErrorKind::disk, [&] { OutputFile again(folder / "x"); }),
              HasSubstr("cannot create: File exists"));
  const std::string long_name(300, 'n');
  EXPECT_THAT(error_of(ErrorKind::disk, [&] { make_directories(folder / long_name / "a"); }),
              HasSubstr("cannot make the folder: File name too long"));
  EXPECT_THAT(error_of(ErrorKind::disk, [&] { make_directories(folder / "x"); }),
              HasSubstr("cannot make the folder: File exists"));
  remove_unfinished(folder / "no");
  EXPECT_THAT(error_of(ErrorKind::data, [&] { remove_unfinished(folder / "x"); }),
              HasSubstr("cannot list: Not a directory"));
  const InputFile file(folder / "x");
  char buffer[8];
  EXPECT_THAT(error_of(ErrorKind::data, [&] { file.read_at(2, buffer, 8); }),
              HasSubstr("the file ends at byte 5, 5 bytes before the expected end"));
}

TEST(Files, LinksAndPipesAreRefusedWhereAsked) {
  const TemporaryFolder folder;
  write_file(folder / "x", "1");
  replace_link("x", folder / "link");
  EXPECT_EQ(read_file(folder / "link"), "1");
  EXPECT_THAT(error_of(ErrorKind::data, [&] { InputFile file(folder / "link", Links::refuse); }),
              HasSubstr("cannot open"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(error_of(ErrorKind::data, [&] { read_file(folder / "pipe"); }),
              HasSubstr("expected a regular file"));
}

TEST(Files, ALinkIsReplacedInPlace) {
  const TemporaryFolder folder;
  replace_link("one", folder / "link");
  replace_link("two", folder / "link");
  EXPECT_EQ(fs::read_symlink(folder / "link"), Path("two"));
}

TEST(Files, TreesAreRemovedWithoutFollowingLinks) {
  const TemporaryFolder folder;
  make_directories(folder / "keep");
  write_file(folder / "keep" / "x", "1");
  make_directories(folder / "a" / "b" / "c");
  write_file(folder / "a" / "b" / "file", "1");
  fs::create_symlink(folder / "keep", folder / "a" / "link");
  remove_tree(folder / "a");
  remove_tree(folder / "a");  // absent is fine
  EXPECT_EQ(list_directory(folder.path()), std::vector<std::string>{"keep"});
  EXPECT_EQ(read_file(folder / "keep" / "x"), "1");
}

TEST(Files, PathsAreExchangedInOneStep) {
  const TemporaryFolder folder;
  make_directories(folder / "a");
  make_directories(folder / "b");
  write_file(folder / "a" / "x", "1");
  exchange_paths(folder / "a", folder / "b");
  EXPECT_EQ(read_file(folder / "b" / "x"), "1");
  EXPECT_TRUE(fs::is_empty(folder / "a"));
}

TEST(Files, ALockKeepsOtherProcessesOut) {
  const TemporaryFolder folder;
  const auto lock = [&] {
    return error_of(ErrorKind::usage, [&] { FileLock lock(folder / "LOCK", "this run"); });
  };
  {
    const FileLock held(folder / "LOCK", "this run");
    EXPECT_EQ(lock(), (folder / "LOCK").string() + ": error: another process is using this run");
  }
  EXPECT_NO_THROW(FileLock(folder / "LOCK", "this run"));
}

TEST(Files, FreeSpaceIsPositive) {
  const TemporaryFolder folder;
  EXPECT_GT(free_bytes(folder.path()), 0);
  EXPECT_THAT(error_of(ErrorKind::disk, [&] { free_bytes(folder / "missing"); }),
              HasSubstr("No such file"));
}

TEST(Files, KilledAtAnyPointAWriteLeavesTheOldFileOrTheNew) {
  const TemporaryFolder folder;
  const Path path = folder / "x";
  write_file(path, "old");
  arm_fault("");
  write_file(path, "old");
  const int64_t calls = disk_operations();
  ASSERT_GE(calls, 5);
  for (int64_t k = 1; k <= calls; ++k) {
    const int status = run_in_child([&] {
      arm_fault(str("crash@", k));
      write_file(path, "new");
      return 0;
    });
    EXPECT_EQ(status, -SIGKILL) << k;
    EXPECT_THAT(read_file(path), testing::AnyOf("old", "new")) << k;
    write_file(path, "old");
  }
}

TEST(Files, AFailureAtAnyPointIsReportedAndLeavesTheOldFileOrTheNew) {
  const TemporaryFolder folder;
  const Path path = folder / "x";
  write_file(path, "old");
  for (int k = 1;; ++k) {
    arm_fault(str("full@", k));
    bool done = true;
    try {
      write_file(path, "new");
    } catch (const Error& error) {
      done = false;
      EXPECT_EQ(error.kind(), ErrorKind::disk);
      EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
    }
    arm_fault("");
    EXPECT_THAT(read_file(path), testing::AnyOf("old", "new"));
    EXPECT_EQ(list_directory(folder.path()), std::vector<std::string>{"x"});
    if (done) break;
    write_file(path, "old");
  }
  EXPECT_EQ(read_file(path), "new");
}

TEST(Files, ASizeLimitIsAnErrorOfTheDisk) {
  const TemporaryFolder folder;
  const int status = run_in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string text =
        error_of(ErrorKind::disk, [&] { write_file(folder / "x", std::string(4000, 'x')); });
    return text.find("File too large") != std::string::npos ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(list_directory(folder.path()).empty());
}

TEST(Files, AFaultIsSpelledExactly) {
  for (const char* bad : {"crash", "crash@", "crash@0", "crash@x", "crash@1x", "melt@1", "@1"})
    EXPECT_THAT(error_of(ErrorKind::usage, [&] { arm_fault(bad); }),
                HasSubstr("expected crash@k, enospc@k or full@k"))
        << bad;
  arm_fault("");
}

}  // namespace
}  // namespace lw
