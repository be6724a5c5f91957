#include <gtest/gtest.h>

#include "core/config.h"
#include "tests/core/config_reading.h"

namespace lw {
namespace {

std::string load_error(const Path& file, const std::vector<std::string>& overrides = {}) {
  return error_of(ErrorKind::usage, [&] {
    ToyOptions options;
    Config::load(file, overrides).read(options);
  });
}

TEST(ConfigFiles, Files) {
  const TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& text) {
    write_file(folder / name, text);
    return (folder / name).string();
  };
  const std::string at = folder.path().string();
  EXPECT_EQ(load_error(folder / "none.yaml"), at + "/none.yaml: error: no such file");
  EXPECT_EQ(load_error(folder.path()), at + ": error: this is a folder, expected a YAML file");
  EXPECT_EQ(load_error(write("large.yaml", std::string((1 << 20) + 1, '#'))),
            at + "/large.yaml: error: 1048577 bytes, expected at most 1048576");
  EXPECT_EQ(load_error(write("a.yaml", "extends: none.yaml\n")),
            at + "/a.yaml:1:10: error: `" + at + "/none.yaml`: no such file\n" +
                "    1 | extends: none.yaml\n"
                "      |          ^~~~~~~~~");
  EXPECT_EQ(load_error(write("b.yaml", "extends: [{}]\n")),
            at + "/b.yaml:1:11: error: `extends` is a path or a list of paths\n" +
                "    1 | extends: [{}]\n"
                "      |           ^");
  write("c.yaml", "extends: d.yaml\n");
  EXPECT_EQ(load_error(write("d.yaml", "extends: c.yaml\n")),
            at + "/c.yaml:1:10: error: `" + at + "/d.yaml`: a config cannot extend itself\n" +
                "    1 | extends: d.yaml\n"
                "      |          ^~~~~~");
}

TEST(ConfigFiles, StandInTheOrderOfTheFiles) {
  const TemporaryFolder folder;
  const std::string at = folder.path().string();
  write_file(folder / "base.yaml", "zebra: 1\nname: 1\n");
  write_file(folder / "run.yaml", "extends: base.yaml\nseed: x\nname: 2\nmodel: {d_model: 1}\n");
  EXPECT_EQ(load_error(folder / "run.yaml", {"model.layer=s4d", "model.layer=s5d", "limit=0"}),
            at + "/base.yaml:1:1: error: unknown key `zebra`\n" +
                "    1 | zebra: 1\n"
                "      | ^~~~~ (keys here: name, seed, verbose, limit, root, sizes, tags, model, "
                "optim)\n" +
                at +
                "/run.yaml:2:7: error: `seed` is the string `x`, expected an integer at least " +
                "0\n"
                "    2 | seed: x\n"
                "      |       ^\n" +
                at + "/run.yaml:3:7: error: `name` is the integer `2`, expected a string\n" +
                "    3 | name: 2\n"
                "      |       ^ write \"2\"\n"
                "override `model.layer=s5d`: error: unknown layer `s5d` in `model.layer`\n"
                "  did you mean `s4d`? (kinds: identity, mamba1, s4d)\n"
                "override `limit=0`: error: `limit` is 0, expected an integer greater than 0");
}

TEST(ConfigFiles, SyntaxOfAllFilesIsToldAtOnce) {
  const TemporaryFolder folder;
  const std::string at = folder.path().string();
  write_file(folder / "base.yaml", "a: [\n");
  write_file(folder / "run.yaml", "extends: base.yaml\nseed: 1\nseed: 2\n");
  EXPECT_EQ(load_error(folder / "run.yaml", {"nonsense"}),
            at + "/base.yaml:1:4: error: a `[` that is never closed\n" +
                "    1 | a: [\n"
                "      |    ^\n" +
                at + "/run.yaml:3:1: error: duplicate key `seed` (first at line 2)\n" +
                "    3 | seed: 2\n"
                "      | ^~~~\n"
                "override `nonsense`: error: expected key=value, such as train.steps=100");
}

TEST(ConfigFiles, FilesThatMultiplyAreRefused) {
  const TemporaryFolder folder;
  write_file(folder / "0.yaml", good);
  for (int i = 1; i < 30; ++i)
    write_file(folder / str(i, ".yaml"), str("extends: [", i - 1, ".yaml, ", i - 1, ".yaml]\n"));
  EXPECT_NE(load_error(folder / "29.yaml").find("more than 64 files"), std::string::npos);
}

TEST(ConfigFiles, Bombs) {
  const auto refusal = [](const std::string& text) {
    const std::string message = message_of(text, {});
    return message.substr(0, message.find('\n'));
  };
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n", chain = "a0: &a0 [x]\n";
  std::string doubling = "k0: xxxxxxxxxxxxxxxx\n";
  for (int i = 1; i < 70; ++i) {
    const std::string last = str("*a", i - 1);
    chain += str("a", i, ": &a", i, " [", last, "]\n");
    laughs += str("a", i, ": &a", i, " [", last, ", ", last, ", ", last, ", ", last, "]\n");
    doubling += str("k", i, ": \"${k", i - 1, "}${k", i - 1, "}\"\n");
  }
  EXPECT_EQ(refusal(laughs), "x.yaml:7:5: error: more than 100000 values, aliases expanded");
  EXPECT_EQ(refusal(chain), "x.yaml:63:12: error: nested deeper than 64 levels");
  EXPECT_EQ(refusal("a: &a [*a]\n"), "x.yaml:1:8: error: an alias within what it stands for");
  EXPECT_EQ(refusal("a: &a {b: *a}\n"), "x.yaml:1:11: error: an alias within what it stands for");
  EXPECT_EQ(refusal(std::string(500'000, '[')), "x.yaml:1:1: error: a key must be a word");
  EXPECT_EQ(refusal("a: " + std::string(500'000, '[')), "x.yaml:1:5: error: a key must be a word");
  EXPECT_EQ(refusal("a: [" + std::string(300'000, ',') + "]"),
            "x.yaml:1:100003: error: more than 100000 values, aliases expanded");
  EXPECT_EQ(refusal(std::string((1 << 20) + 1, ' ')), "x.yaml: error: larger than 1048576 bytes");
  EXPECT_EQ(refusal(std::string("name: a\0b\n", 10)), "x.yaml:1:8: error: a control character");
  EXPECT_NE(message_of(doubling, {}).find("substitution makes more than 1048576 bytes of text"),
            std::string::npos);
}

TEST(ConfigFiles, AHundredAreShown) {
  std::string text = good;
  for (int i = 0; i < 150; ++i) text += str("zebra", i, ": 1\n");
  const std::string message = message_of(text, {});
  EXPECT_EQ(message.substr(message.rfind('\n') + 1), "config: error: 50 more errors");
}

TEST(ConfigFiles, LongLinesAndLongWordsAreCut) {
  const std::string word(200, 'w');
  const std::string shown = std::string(60, 'w') + "…";
  EXPECT_EQ(message_of(good, {"limit=" + word}), "override `limit=" + std::string(54, 'w') +
                                                     "…`: error: `limit` is the string `" + shown +
                                                     "`, expected an integer greater than 0");
  EXPECT_EQ(message_of(std::string(good) + "limit: " + word + "\n", {}),
            "x.yaml:3:8: error: `limit` is the string `" + shown +
                "`, expected an integer greater than 0");
}

}  // namespace
}  // namespace lw
