#include "apps/checkpoint.h"
#include "apps/run_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/digest.h"
#include "tests/apps/checkpoint_sample.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<int64_t> steps(const Path& run) {
  std::vector<int64_t> steps;
  for (const CheckpointEntry& entry : list_checkpoints(run)) steps.push_back(entry.step);
  return steps;
}

TEST(Checkpoint, EverythingComesBack) {
  const TemporaryFolder run;
  const CheckpointContent content = sample_content(12);
  const Path path = save_checkpoint(run.path(), content);
  EXPECT_EQ(path, run / "ckpt" / "step-00000012");
  EXPECT_EQ(fs::read_symlink(run / "ckpt" / "latest"), Path("step-00000012"));
  EXPECT_TRUE(verify_checkpoint(path).empty());
  expect_same(load_checkpoint(path), content);
}

TEST(Checkpoint, TextsThatNoAttributeCanHoldComeBack) {
  const TemporaryFolder run;
  CheckpointContent content = sample_content(1);
  content.attributes["long"] = std::string(60001, 'x');
  content.attributes["longest"] = std::string(60000, 'y');
  content.attributes["nul"] = std::string("a\0b", 3);
  const Path path = save_checkpoint(run.path(), content);
  EXPECT_TRUE(verify_checkpoint(path).empty());
  expect_same(load_checkpoint(path), content);
  const Hdf5Reader model(path / "model.h5");
  EXPECT_FALSE(model.contains("/texts/longest"));
  EXPECT_EQ(model.tensor("/texts/nul").to_vector(), (std::vector<double>{'a', 0, 'b'}));
}

// golden/step-00000001 is sample_content(1) as version 1 of the format wrote it, kept for good.
TEST(Checkpoint, WhatVersionOneWroteIsStillRead) {
  const Path golden = Path(LW_TESTS_FOLDER) / "apps" / "golden" / "step-00000001";
  EXPECT_EQ(text_of(verify_checkpoint(golden)), "");
  EXPECT_EQ(read_manifest(golden).version, 1);
  expect_same(load_checkpoint(golden), sample_content(1));
}

TEST(Checkpoint, AnEmptyOneComesBack) {
  const TemporaryFolder run;
  expect_same(load_checkpoint(save_checkpoint(run.path(), {})), {});
}

TEST(Checkpoint, TheModelAloneComesBackWhenTheRestIsGone) {
  const TemporaryFolder run;
  const Path path = save_checkpoint(run.path(), sample_content(1));
  fs::remove(path / "state.h5");
  const CheckpointContent model = load_checkpoint(path, {.model_only = true});
  EXPECT_EQ(model.params.size(), 12u);
  EXPECT_TRUE(model.state.empty());
  EXPECT_THAT(error_of(ErrorKind::data, [&] { load_checkpoint(path); }), HasSubstr("state.h5"));
}

TEST(Checkpoint, EqualContentGivesEqualFiles) {
  const TemporaryFolder a, b;
  const Path one = save_checkpoint(a.path(), sample_content(3));
  const Path two = save_checkpoint(b.path(), sample_content(3));
  for (const char* name : checkpoint_files)
    EXPECT_EQ(read_file(one / name), read_file(two / name)) << name;
}

TEST(Checkpoint, AManifestNamesItsParent) {
  const TemporaryFolder run;
  const Manifest first = read_manifest(save_checkpoint(run.path(), sample_content(1)));
  const Manifest second = read_manifest(save_checkpoint(run.path(), sample_content(2)));
  EXPECT_EQ(first.parent, "");
  EXPECT_EQ(second.parent, first.digest);
  EXPECT_EQ(second.config_sha256, sha256(sample_content(2).config));
}

TEST(Checkpoint, TheSameStepIsReplaced) {
  const TemporaryFolder run;
  save_checkpoint(run.path(), sample_content(1));
  CheckpointContent changed = sample_content(1);
  changed.data_fingerprint = "digits-2";
  expect_same(load_checkpoint(save_checkpoint(run.path(), changed)), changed);
  EXPECT_THAT(list_directory(run / "ckpt"), testing::ElementsAre("latest", "step-00000001"));
}

TEST(Checkpoint, OldOnesGoButNotTheBest) {
  const TemporaryFolder run;
  for (int step = 1; step <= 6; ++step)
    save_checkpoint(run.path(), sample_content(step), {.keep_last = 3, .best = step == 2});
  EXPECT_EQ(steps(run.path()), (std::vector<int64_t>{2, 4, 5, 6}));
  EXPECT_EQ(fs::read_symlink(run / "ckpt" / "best"), Path("step-00000002"));
  save_checkpoint(run.path(), sample_content(7), {.keep_last = 1});
  EXPECT_EQ(steps(run.path()), (std::vector<int64_t>{2, 6, 7}));
  save_checkpoint(run.path(), sample_content(8), {.keep_last = 0});
  EXPECT_EQ(steps(run.path()), (std::vector<int64_t>{2, 6, 7, 8}));
}

TEST(Checkpoint, TheLastTwoGoodOnesStay) {
  const TemporaryFolder run;
  for (const int step : {1, 2}) save_checkpoint(run.path(), sample_content(step));
  write_file(run / "ckpt" / "step-00000002" / "state.h5", "damaged");
  save_checkpoint(run.path(), sample_content(3));
  EXPECT_EQ(steps(run.path()), (std::vector<int64_t>{1, 2, 3}));
  save_checkpoint(run.path(), sample_content(4));
  EXPECT_EQ(steps(run.path()), (std::vector<int64_t>{3, 4}));
}

TEST(Checkpoint, TheNewestGoodOneIsFound) {
  const TemporaryFolder run;
  EXPECT_FALSE(find_newest_good(run.path()).found);
  EXPECT_THAT(error_of(ErrorKind::data, [&] { find_checkpoint(run.path()); }),
              HasSubstr("this is no run and no checkpoint"));
  for (const int step : {9, 10}) save_checkpoint(run.path(), sample_content(step));
  EXPECT_EQ(find_newest_good(run.path()).found->step, 10);
  fs::remove(run / "ckpt" / "step-00000010" / "MANIFEST.json");
  const FoundCheckpoint result = find_newest_good(run.path());
  EXPECT_EQ(result.found->step, 9);
  ASSERT_EQ(result.rejected.size(), 1u);
  EXPECT_EQ(result.rejected[0].path, run / "ckpt" / "step-00000010");
  EXPECT_EQ(result.rejected[0].why, "MANIFEST.json: cannot open: No such file or directory");
  testing::internal::CaptureStderr();
  EXPECT_EQ(find_checkpoint(run.path()), run / "ckpt" / "step-00000009");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("step-00000010 is damaged and left aside: "));
  EXPECT_EQ(find_checkpoint(run / "ckpt" / "step-00000009"), run / "ckpt" / "step-00000009");
}

TEST(Checkpoint, OneIsFoundHoweverItsPathIsSpelled) {
  const TemporaryFolder run, other;
  for (const int step : {1, 2}) save_checkpoint(run.path(), sample_content(step));
  const Path first = run / "ckpt" / "step-00000001", here = fs::current_path();
  fs::create_symlink(first, other / "link");
  fs::current_path(run / "ckpt");
  const Path spellings[] = {first,
                            first / "",
                            first / ".",
                            other / "link",
                            "step-00000001",
                            "./step-00000001/",
                            "../ckpt/step-00000001"};
  for (const Path& path : spellings) {
    EXPECT_EQ(checkpoint_to_resume(run.path(), path), first) << path;
    EXPECT_EQ(checkpoint_to_resume("..", path), Path("../ckpt/step-00000001")) << path;
    const std::vector<CheckpointEntry> found = find_checkpoints(path);
    ASSERT_EQ(found.size(), 1u) << path;
    EXPECT_EQ(found[0].path, first) << path;
    EXPECT_EQ(found[0].step, 1) << path;
  }
  fs::current_path(first);
  EXPECT_EQ(checkpoint_to_resume(run.path(), "."), first);
  fs::current_path(here);
  EXPECT_EQ(checkpoint_to_resume(run.path(), run / "ckpt" / "latest"),
            run / "ckpt" / "step-00000002");
  EXPECT_THAT(
      error_of(ErrorKind::usage, [&] { checkpoint_to_resume(other.path(), first.string()); }),
      HasSubstr("this is no checkpoint of the run "));
}

TEST(Checkpoint, LaterStepsAndUnfinishedOnesAreRemoved) {
  const TemporaryFolder run;
  for (const int step : {1, 2, 3})
    save_checkpoint(run.path(), sample_content(step), {.keep_last = 0});
  EXPECT_THAT(remove_checkpoints_after(run.path(), 1),
              testing::UnorderedElementsAre(run / "ckpt" / "step-00000002",
                                            run / "ckpt" / "step-00000003"));
  EXPECT_EQ(steps(run.path()), std::vector<int64_t>{1});
  make_directories(run / "ckpt" / ".tmp-step-00000009" / "x");
  remove_unfinished(run / "ckpt");
  EXPECT_THAT(list_directory(run / "ckpt"), testing::ElementsAre("latest", "step-00000001"));
}

TEST(Checkpoint, OtherParametersAreRefusedWithAllDifferences) {
  const TemporaryFolder run;
  CheckpointContent content;
  content.params["a"].value = sample_tensor({2, 3}, 0);
  content.params["b"].value = sample_tensor({2}, 0);
  content.params["old"].value = sample_tensor({7}, 0, DType::bf16);
  const Path path = save_checkpoint(run.path(), content);
  const auto load = [&](std::vector<TensorSpec> specs) {
    load_checkpoint(path, {.params = std::move(specs)});
  };
  EXPECT_EQ(error_of(ErrorKind::data,
                     [&] {
                       load({{"a", {3, 2}}, {"b", {2}, DType::f64}, {"new", {int64_t{1} << 50}}});
                     }),
            path.string() +
                ": error: the checkpoint's parameters are not those of the model"
                "\n  in the model, not in the checkpoint:"
                "\n    new f32 [1125899906842624]"
                "\n  in the checkpoint, not in the model:"
                "\n    old bf16 [7]"
                "\n  of another shape or dtype:"
                "\n    a: the model has f32 [3, 2], the checkpoint f32 [2, 3]"
                "\n    b: the model has f64 [2], the checkpoint f32 [2]"
                "\n  a model is built as it was saved from the config in the checkpoint");
  EXPECT_NO_THROW(load({{"a", {2, 3}}, {"b", {2}}, {"old", {7}, DType::bf16}}));
}

TEST(Checkpoint, NamesThatAreNoNamesAreRefused) {
  const TemporaryFolder run;
  for (const char* name : {"a/b", "", ".", "/"}) {
    CheckpointContent content;
    content.params[name].value = Tensor::scalar(0);
    EXPECT_EQ(error_of(ErrorKind::usage, [&] { save_checkpoint(run.path(), content); }),
              str("save_checkpoint: `", name, "` cannot name a tensor or a group"));
  }
  EXPECT_TRUE(fs::is_empty(run / "ckpt"));
}

TEST(Checkpoint, AFileThatIsALinkIsRefused) {
  const TemporaryFolder run;
  const Path path = save_checkpoint(run.path(), sample_content(1));
  fs::rename(path / "model.h5", run / "model.h5");
  fs::create_symlink(run / "model.h5", path / "model.h5");
  const auto problems = verify_checkpoint(path);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].file, "model.h5");
}

TEST(Checkpoint, AMovedManifestIsRefused) {
  const TemporaryFolder run;
  const Path path = save_checkpoint(run.path(), sample_content(1));
  fs::rename(path, run / "ckpt" / "step-00000002");
  EXPECT_THAT(text_of(verify_checkpoint(run / "ckpt" / "step-00000002")),
              HasSubstr("the manifest of step 1, expected step 2"));
}

/// The manifest with `from` replaced by `to` and its digest made good again.
std::string resigned(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  text.replace(at, from.size(), to);
  const std::string last = "\"manifest_sha256\":\"";
  text.resize(text.find(last));
  return text + last + sha256(text) + "\"}\n";
}

TEST(Checkpoint, AForgedManifestIsRefused) {
  const TemporaryFolder run;
  const Path path = save_checkpoint(run.path(), sample_content(1));
  const std::string text = read_file(path / "MANIFEST.json");
  const auto why = [&](const std::string& from, const std::string& to) {
    return error_of(ErrorKind::data, [&] { parse_manifest(resigned(text, from, to), "M"); });
  };
  EXPECT_EQ(why("\"min_reader\":1", "\"min_reader\":2"),
            "M: error: written by a newer Longwave: it needs a reader of version 2, this one is "
            "version 1");
  EXPECT_EQ(why("\"format\":\"longwave", "\"format\":\"shortwave"),
            "M: error: expected the format longwave-checkpoint");
  EXPECT_EQ(why("\"complete\":true", "\"complete\":false"),
            "M: error: the checkpoint is incomplete");
  EXPECT_EQ(why("\"step\":1", "\"step\":1,\"step\":2"),
            "M: error: the key `step` occurs twice in one JSON object");
  EXPECT_EQ(why("\"name\":\"model.h5\"", "\"name\":\"../model.h5\""),
            "M: error: `../model.h5` is not the name of a file of a checkpoint");
  EXPECT_EQ(why("\"dtype\":\"c64\"", "\"dtype\":\"c65\""), "M: error: unknown dtype `c65`");
  EXPECT_EQ(why("\"shape\":[5]", "\"shape\":[-5]"), "M: error: a tensor's shape is not valid");
  EXPECT_EQ(why("\"shape\":[5]", "\"shape\":[4294967296,4294967296]"),
            "M: error: a tensor's shape is not valid");
  EXPECT_EQ(why("\"version\":1", "\"other\":1"), "M: error: `version` is missing");
  EXPECT_EQ(error_of(ErrorKind::data, [&] { parse_manifest("", "M"); }),
            "M: error: the manifest is cut short");
  write_file(path / "MANIFEST.json", resigned(text, "\"shape\":[5]", "\"shape\":[6]"));
  EXPECT_THAT(error_of(ErrorKind::data, [&] { load_checkpoint(path); }),
              HasSubstr("model.h5: error: /params/lambda: expected c64 [6], the file has c64 [5]"));
}

}  // namespace
}  // namespace lw
