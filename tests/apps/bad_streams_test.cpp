// stdin, stdout and stderr that are closed, full or no longer read.
#include "tests/apps/bad_input.h"

namespace lw {
namespace {

TEST_F(BadInput, ClosedStreamsAreNotTakenByFiles) {
  const std::string train = "longwave train digits.yaml --run-dir ";
  EXPECT_EQ(shell(base_->path(), train + "closed <&- >&- 2>&-"), 0);
  EXPECT_EQ(read_file(*base_ / "closed/LOCK"), "");
  EXPECT_EQ(shell(base_->path(), train + "open -q > /dev/null 2>&1"), 0);
  const Path model = "ckpt/step-00000002/model.h5";
  EXPECT_EQ(read_file(*base_ / "closed" / model), read_file(*base_ / "open" / model));
}

TEST_F(BadInput, LostResultsAreAnError) {
  for (const char* call : {"config schema", "eval digits --json", "ckpt ls digits"})
    EXPECT_EQ(shell(base_->path(), str("longwave ", call, " > /dev/full 2> err")), 7) << call;
  EXPECT_EQ(read_file(*base_ / "err"),
            "stdout: error: results could not be written: No space left on device\n");
}

TEST_F(BadInput, ACommandEndsWithItsReader) {
  const char* const call =
      "{ longwave generate text --max-tokens 100000000; echo $? > code; } | head -c 3";
  EXPECT_EQ(shell(base_->path(), str(call, " > out")), 0);
  EXPECT_EQ(read_file(*base_ / "code"), "141\n");
  EXPECT_EQ(read_file(*base_ / "out").size(), 3u);
}

TEST_F(BadInput, TrainingGoesOnWithoutAReader) {
  EXPECT_EQ(shell(base_->path(),
                  "{ sleep 0.2; longwave train digits.yaml --run-dir unread 2>&1; echo $? > code; "
                  "} | true"),
            0);
  EXPECT_EQ(read_file(*base_ / "code"), "0\n");
}

}  // namespace
}  // namespace lw
