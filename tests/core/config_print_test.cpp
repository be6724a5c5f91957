#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/core/config_reading.h"

namespace lw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ConfigPrint, ResolvedNamesTheSourceOfEveryValue) {
  const Config config = Config::parse(good, "configs/x.yaml", {"optim.lr=0.00001"});
  ToyOptions options;
  config.read(options);
  EXPECT_EQ(config.resolved(options),
            "name: run              # default\n"
            "seed: 1                # configs/x.yaml:1\n"
            "verbose: false         # default\n"
            "limit: null            # default\n"
            "root: null             # default\n"
            "sizes: [1, 2]          # default\n"
            "tags: []               # default\n"
            "model:\n"
            "  d_model: 8           # configs/x.yaml:2\n"
            "  dropout: 0           # default\n"
            "  norm: rms            # default\n"
            "  layer: s4d           # configs/x.yaml:2\n"
            "  d_state: 64          # default\n"
            "  dt_min: 0.001        # default\n"
            "optim:\n"
            "  lr: 1e-5             # override\n"
            "  betas: [0.9, 0.999]  # default\n"
            "  groups:\n"
            "    matrix:\n"
            "      lr: null         # default\n"
            "      weight_decay: 0  # default\n"
            "    ssm_a:\n"
            "      lr: null         # default\n"
            "      weight_decay: 0  # default\n");
}

TEST(ConfigPrint, ResolvedDependsOnValuesAlone) {
  const ToyOptions a = read(good, {"optim.lr=0.0100", "name=\"n\""});
  const ToyOptions b =
      read("optim: {lr: 1e-2}\nname: n\nseed: 1\nmodel: {layer: s4d, d_model: 0.8e1}\n");
  EXPECT_EQ(resolved_config(a), resolved_config(b));
}

TEST(ConfigPrint, ResolvedLoadsAgainWithTheSameValues) {
  const std::vector<std::string> strings = {
      "",       " x ",     "null",      "~",       "true", "1",   "0x1f",    "010",   "1e5",
      ".inf",   "a: b",    "#c",        "- d",     "[e",   "{f}", "it's",    "\"q\"", "back\\slash",
      "new\nl", "tab\tx",  "\x1b[",     "ünï ☃ 𝄞", "${x}", "$${", "$$$ {y}", "*a",    "&b",
      "!c",     "%d",      "@e",        "`f`",     "g,h",  "...", "---",     "?",     "a/b.c-d+e_f",
      "<<",     "\u0085x", "\ufeffbom", "\u2028",  "yes",  "-",   "=",       "${"};
  ToyOptions options = read(good);
  for (const std::string& text : strings) {
    SCOPED_TRACE(text);
    options.name = text;
    options.root = text;
    options.tags = {text, "x", text};
    for (const std::string& yaml :
         {resolved_config(options), Config::parse("", "y.yaml").resolved(options)}) {
      const ToyOptions again = read(yaml);
      EXPECT_EQ(again.name, text);
      EXPECT_EQ(again.root, text);
      EXPECT_THAT(again.tags, ElementsAre(text, "x", text));
      EXPECT_EQ(resolved_config(again), resolved_config(options));
    }
  }
}

TEST(ConfigPrint, NumbersKeepTheirBits) {
  using Limits = std::numeric_limits<double>;
  std::mt19937_64 random(1);
  std::vector<double> values = {Limits::denorm_min(),
                                Limits::min(),
                                Limits::max(),
                                0.1,
                                1e22,
                                1e21,
                                1e-5,
                                123456789,
                                1,
                                5e-324};
  for (int i = 0; i < 300; ++i)
    values.push_back(std::ldexp(1 + std::generate_canonical<double, 53>(random),
                                static_cast<int>(random() % 2000) - 1000));
  ToyOptions options = read(good);
  for (const double value : values) {
    options.optim.lr = value;
    EXPECT_EQ(read(resolved_config(options)).optim.lr, value) << number_text(value);
  }
  options.optim.groups.at("matrix").weight_decay = -0.0;
  EXPECT_TRUE(std::signbit(read(resolved_config(options)).optim.groups.at("matrix").weight_decay));
  options.optim.lr = Limits::infinity();
  EXPECT_EQ(error_of(ErrorKind::usage, [&] { resolved_config(options); }),
            "a config can hold no number that is not finite; received inf");
}

TEST(ConfigPrint, ResumeOverridesTheResolvedText) {
  const std::string saved = resolved_config(read(good, {"optim.lr=0.5"}));
  const std::string now = resolved_config(read(saved, {"seed=4", "tags=[a]", "root=null"}));
  std::vector<std::string> changes;
  for (const auto& [key, before, after] : config_changes(saved, now))
    changes.push_back(key + ": " + before + " -> " + after);
  EXPECT_THAT(changes, ElementsAre("seed: 1 -> 4", "tags: [] -> [a]"));
}

TEST(ConfigPrint, ChangesNameKeysThatCameAndWent) {
  const std::string before = resolved_config(read(good));
  const std::string now = resolved_config(read(good, {"model.layer=mamba1", "model.expand=2"}));
  std::vector<std::string> changes;
  for (const auto& [key, old_text, text] : config_changes(before, now))
    changes.push_back(key + ": " + old_text + " -> " + text);
  EXPECT_THAT(changes, ElementsAre("model.layer: s4d -> mamba1", "model.d_state: 64 -> 16",
                                   "model.expand:  -> 2", "model.fused:  -> true",
                                   "model.dt_min: 0.001 -> "));
}

/// Whatever a file holds, reading it ends with options or with an Error of usage.
TEST(ConfigFuzz, DamagedConfigsAreErrors) {
  const std::string text =
      "name: &n 'run'   # comment\nseed: 1e3\nverbose: true\nlimit: ~\nroot: \"${name}\\n\"\n"
      "sizes: [1, 2, 3]\ntags:\n  - *n\n  - |\n    text\n  - >-\n    folded\n"
      "model:\n  d_model: 64\n  layer: mamba1\n  expand: 2\n"
      "optim: {lr: 1e-3, betas: [0.9, .5], groups: {ssm_a: {lr: 1}, matrix: {}}}\n";
  EXPECT_EQ(read(text).tags.size(), 3u);
  const std::string alphabet = "\n\t #:-[]{},&*!|>'\"%@`?~<=$.0123456789eE_+xntal\\\xc3\xa9\x01";
  std::mt19937 random(7);
  int refused = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    std::string damaged = text;
    for (unsigned edits = 1 + random() % 4; edits > 0; --edits) {
      const size_t at = random() % damaged.size();
      const char letter = alphabet[random() % alphabet.size()];
      switch (random() % 5) {
        case 0:
          damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
          break;
        case 1:
          damaged[at] = letter;
          break;
        case 2:
          damaged.insert(at, 1, letter);
          break;
        case 3:
          damaged.erase(at, 1 + random() % 4);
          break;
        case 4:
          damaged.insert(random() % damaged.size(), damaged.substr(at, random() % 30));
          break;
      }
    }
    try {
      const ToyOptions options = read(damaged, {"optim.lr=" + damaged.substr(0, random() % 9)});
      EXPECT_EQ(resolved_config(read(resolved_config(options))), resolved_config(options));
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::usage));
      EXPECT_THAT(error.what(), HasSubstr(": error: ")) << damaged;
      ++refused;
    }
  }
  EXPECT_GT(refused, 2000);
}

}  // namespace
}  // namespace lw
