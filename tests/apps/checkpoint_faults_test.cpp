// Checkpoints under kills, full disks, truncation and flipped bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "apps/checkpoint.h"
#include "core/fault.h"
#include "tests/apps/checkpoint_sample.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

/// A run with checkpoints of steps 1 and 2.
class CheckpointFaults : public testing::Test {
 protected:
  CheckpointFaults() {
    for (const int step : {1, 2}) save_checkpoint(base(), sample_content(step));
  }

  Path base() const { return folder_ / "base"; }
  Path fresh(const std::string& name) const {
    fs::copy(base(), folder_ / name, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return folder_ / name;
  }

  /// Calls that change the disk during save(run).
  template <class Save>
  int64_t calls_of(Save&& save) const {
    const Path run = fresh("count");
    arm_fault("");
    save(run);
    return disk_operations();
  }

  /// The run is as after step 2 or as after `content`, and goes on.
  static void expect_usable(const Path& run, const CheckpointContent& content) {
    const FoundCheckpoint newest = find_newest_good(run);
    ASSERT_TRUE(newest.found);
    if (newest.found->step == content.step && content.step > 2)
      expect_same(load_checkpoint(newest.found->path), content);
    else
      EXPECT_EQ(newest.found->step, 2);
    remove_unfinished(run / "ckpt");
    save_checkpoint(run, sample_content(4));
    EXPECT_EQ(find_newest_good(run).found->step, 4);
    EXPECT_TRUE(find_newest_good(run).rejected.empty());
    for (const std::string& name : list_directory(run / "ckpt"))
      EXPECT_FALSE(name.starts_with('.')) << name;
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointFaults, KilledAtAnyPointTheRunGoesOn) {
  for (const int step : {2, 3}) {  // replaces one; adds one and removes the oldest
    const CheckpointContent content = sample_content(step);
    const auto save = [&](const Path& run) { save_checkpoint(run, content, {.best = true}); };
    const int64_t calls = calls_of(save);
    ASSERT_GT(calls, 20);
    for (int64_t k = 1; k <= calls; ++k) {
      const Path run = fresh(str("run-", k));
      const int status = run_in_child([&] {
        arm_fault(str("crash@", k));
        save(run);
        return 0;
      });
      EXPECT_EQ(status, -SIGKILL) << k;
      expect_usable(run, content);
      fs::remove_all(run);
    }
    fs::remove_all(folder_ / "count");
  }
}

TEST_F(CheckpointFaults, ADiskFullAtAnyPointLeavesTheOldOnes) {
  testing::internal::CaptureStderr();  // warnings, where the checkpoint is in place
  const CheckpointContent content = sample_content(3);
  const auto save = [&](const Path& run) { save_checkpoint(run, content); };
  const int64_t calls = calls_of(save);
  int refused = 0;
  for (const char* fault : {"enospc", "full"}) {
    for (int64_t k = 1; k <= calls; ++k) {
      const Path run = fresh("run");
      arm_fault(str(fault, "@", k));
      bool saved = true;
      try {
        save(run);
      } catch (const Error& error) {
        saved = false;
        ++refused;
        EXPECT_EQ(error.kind(), ErrorKind::disk);
        EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
      }
      arm_fault("");
      const FoundCheckpoint newest = find_newest_good(run);
      EXPECT_TRUE(newest.rejected.empty()) << k;
      EXPECT_GE(newest.found->step, saved ? 3 : 2) << k;
      EXPECT_TRUE(verify_checkpoint(run / "ckpt" / "step-00000002").empty());
      if (!saved && std::string(fault) == "full") {
        EXPECT_FALSE(fs::exists(run / "ckpt" / ".tmp-step-00000003"));
      }
      expect_usable(run, content);
      fs::remove_all(run);
    }
  }
  EXPECT_GT(refused, 40);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("warning: "));
}

TEST_F(CheckpointFaults, ASizeLimitLeavesTheOldOnesAndTheProcess) {
  const CheckpointContent content = sample_content(3);
  const int status = run_in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{5000, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    error_of(ErrorKind::disk, [&] { save_checkpoint(base(), content); });
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &none);
    save_checkpoint(base(), content);
    return testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(find_newest_good(base()).found->step, 3);
}

/// The run's checkpoint of step 2 with `name` holding `bytes` is rejected for that file.
void expect_rejected(const Path& run, const char* name, const std::string& bytes,
                     const auto& what) {
  const Path checkpoint = run / "ckpt" / "step-00000002";
  write_file(checkpoint / name, bytes);
  const auto problems = verify_checkpoint(checkpoint);
  ASSERT_EQ(problems.size(), 1u) << name << ' ' << what;
  EXPECT_EQ(problems[0].file, name) << what;
}

TEST_F(CheckpointFaults, ATruncatedFileIsNamed) {
  for (const char* name : checkpoint_files) {
    const std::string bytes = read_file(base() / "ckpt" / "step-00000002" / name);
    for (size_t percent = 0; percent < 100; ++percent)
      expect_rejected(base(), name, bytes.substr(0, bytes.size() * percent / 100), percent);
    expect_rejected(base(), name, bytes + '\n', "longer");
    EXPECT_EQ(find_newest_good(base()).found->step, 1);
    write_file(base() / "ckpt" / "step-00000002" / name, bytes);
  }
  EXPECT_EQ(find_newest_good(base()).found->step, 2);
}

TEST_F(CheckpointFaults, AFlippedBitIsNamed) {
  constexpr size_t flips = 300;
  for (const char* name : checkpoint_files) {
    const std::string bytes = read_file(base() / "ckpt" / "step-00000002" / name);
    for (size_t i = 0; i < flips; ++i) {
      std::string damaged = bytes;
      char& byte = damaged[i * (bytes.size() - 1) / (flips - 1)];
      byte = static_cast<char>(byte ^ (1 << i % 8));
      expect_rejected(base(), name, damaged, i);
    }
    EXPECT_EQ(find_newest_good(base()).found->step, 1);
    write_file(base() / "ckpt" / "step-00000002" / name, bytes);
  }
}

TEST_F(CheckpointFaults, ADamagedTensorIsNamed) {
  const Path checkpoint = base() / "ckpt" / "step-00000002";
  for (const Manifest::Tensor& tensor : read_manifest(checkpoint).tensors) {
    const std::string bytes = read_file(checkpoint / tensor.file);
    std::string damaged = bytes;
    damaged[static_cast<size_t>(tensor.offset + tensor.bytes() - 1)] ^= 1;
    write_file(checkpoint / tensor.file, damaged);
    EXPECT_EQ(text_of(verify_checkpoint(checkpoint)),
              tensor.file + ": damaged: its SHA-256 is not the manifest's, tensor " + tensor.name);
    write_file(checkpoint / tensor.file, bytes);
  }
}

}  // namespace
}  // namespace lw
