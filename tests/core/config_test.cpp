#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/config_reading.h"

namespace lw {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Overrides = std::vector<std::string>;

TEST(Config, DefaultsStayWhereNothingIsGiven) {
  const ToyOptions options = read(good);
  EXPECT_EQ(options.seed, 1);
  EXPECT_EQ(options.name, "run");
  EXPECT_EQ(options.optim.lr, 1e-3);
  EXPECT_THAT(options.sizes, ElementsAre(1, 2));
  EXPECT_FALSE(options.limit);
}

TEST(Config, ValuesOfEveryType) {
  ToyOptions options = read(
      "name: 'a: b'\nseed: 1e6\nverbose: True\nlimit: +12\nroot: /data # of the machine\n"
      "sizes: [3, 2.5e1, 0]\ntags: [yes, on, 1_000, \"5\"]\n"
      "model:\n  d_model: 2.0\n  layer: mamba1\n  expand: 4\n  fused: FALSE\n"
      "optim: {lr: .5, betas: [0, 9e-1], groups: {ssm_a: {lr: null}}}\n",
      {"sizes=[3, 25]"});
  EXPECT_EQ(options.name, "a: b");
  EXPECT_EQ(options.seed, 1'000'000);
  EXPECT_TRUE(options.verbose);
  EXPECT_EQ(options.limit, 12);
  EXPECT_EQ(options.root, "/data");
  EXPECT_THAT(options.sizes, ElementsAre(3, 25));
  EXPECT_THAT(options.tags, ElementsAre("yes", "on", "1_000", "5"));
  EXPECT_EQ(options.model.d_model, 2);
  EXPECT_EQ(options.model.layer.as<ToyScanOptions>().expand, 4);
  EXPECT_FALSE(options.model.layer.as<ToyScanOptions>().fused);
  EXPECT_EQ(options.optim.lr, 0.5);
  EXPECT_THAT(options.optim.betas, ElementsAre(0, 0.9));
}

TEST(Config, LargestIntegersAreExact) {
  EXPECT_EQ(read(good, {"seed=9223372036854775807"}).seed, INT64_MAX);
  EXPECT_EQ(read(good, {"seed=9.223372036854775807e18"}).seed, INT64_MAX);
  EXPECT_EQ(read(good, {"seed=1230000e-4"}).seed, 123);
  EXPECT_EQ(read(good, {"seed=0.000e99"}).seed, 0);
}

TEST(Config, OverridesTakeValuesAsTheyStand) {
  const ToyOptions options =
      read(good, {"name=007", "root=a: b #c", "tags=[1, true, 'x, y']", "model.layer=identity",
                  "optim.groups.ssm_a.lr=1e-5", "optim.lr=1", "optim.lr=2", "limit=~"});
  EXPECT_EQ(options.name, "007");
  EXPECT_EQ(options.root, "a: b #c");
  EXPECT_THAT(options.tags, ElementsAre("1", "true", "x, y"));
  EXPECT_EQ(options.model.layer.kind(), "identity");
  EXPECT_EQ(options.optim.groups.at("ssm_a").lr, 1e-5);
  EXPECT_FALSE(options.optim.groups.at("matrix").lr);
  EXPECT_EQ(options.optim.lr, 2);
  EXPECT_FALSE(options.limit);
  EXPECT_EQ(read(good, {"name=''"}).name, "");
  EXPECT_EQ(read(good, {"model={dropout: 0.5}"}).model.dropout, 0.5);
}

TEST(Config, ReferencesAndEnvironment) {
  ::setenv("LW_CONFIG_TEST", "32", 1);
  const ToyOptions options = read(
      "seed: ${model.d_model}\nname: ${root}-$${x}-${seed}\nroot: \"${env:LW_CONFIG_TEST}\"\n"
      "tags: [\"${root}\"]\n"
      "model: {d_model: \"8\", layer: identity}\n",
      {"model.d_model=${env:LW_CONFIG_TEST}"});
  EXPECT_EQ(options.seed, 32);
  EXPECT_EQ(options.name, "32-${x}-32");
  EXPECT_THAT(options.tags, ElementsAre("32"));
}

TEST(Config, AliasesAreExpanded) {
  const ToyOptions options = read(
      "seed: &n 4\nmodel: {d_model: *n, layer: identity}\nsizes: &s [5, *n]\n"
      "optim: {groups: {matrix: &g {weight_decay: 1}, ssm_a: *g}}\n");
  EXPECT_EQ(options.model.d_model, 4);
  EXPECT_THAT(options.sizes, ElementsAre(5, 4));
  EXPECT_EQ(options.optim.groups.at("ssm_a").weight_decay, 1);
}

TEST(Config, ExtendsFilesRelativeToTheOneThatNamesThem) {
  const TemporaryFolder folder;
  make_directories(folder / "base");
  write_file(folder / "base/a.yaml",
             "seed: 1\nname: a\nmodel: {d_model: 8, layer: s4d, dropout: 0.1}\noptim: {lr: 1}\n");
  write_file(folder / "base/b.yaml", "extends: a.yaml\nname: b\noptim: {betas: [0.5]}\n");
  write_file(folder / "c.yaml", "sizes: [7]\nname: c\n");
  write_file(folder / "run.yaml",
             "extends: [base/b.yaml, c.yaml]\nmodel:\n  dropout: 0.2\n  d_state: 4\n");
  const Config config = Config::load(folder / "run.yaml", {"optim.lr=3"});
  ToyOptions options;
  config.read(options);
  EXPECT_EQ(options.name, "c");
  EXPECT_EQ(options.model.d_model, 8);
  EXPECT_EQ(options.model.dropout, 0.2);
  EXPECT_THAT(options.optim.betas, ElementsAre(0.5));
  EXPECT_THAT(options.sizes, ElementsAre(7));
  EXPECT_EQ(options.optim.lr, 3);

  EXPECT_EQ(config.source_of("seed"), (folder / "base/a.yaml").string() + ":1");
  EXPECT_EQ(config.source_of("name"), (folder / "c.yaml").string() + ":2");
  EXPECT_EQ(config.source_of("model.dropout"), (folder / "run.yaml").string() + ":3");
  EXPECT_EQ(config.source_of("optim.lr"), "override");
  EXPECT_EQ(config.source_of("verbose"), "default");
}

TEST(Config, ANewKindDropsWhatOnlyTheOldOneHad) {
  const std::string text = "seed: 1\nmodel: {d_model: 8, layer: s4d, d_state: 4, dt_min: 0.1}\n";
  ToyOptions options = read(text, {"model.layer=mamba1", "model.expand=2"});
  EXPECT_EQ(options.model.layer.as<ToyScanOptions>().d_state, 4);
  EXPECT_THAT(error_of(ErrorKind::usage,
                       [&] {
                         read(text, {"model.layer=identity", "model.dt_min=0.1"});
                       }),
              HasSubstr("unknown key `model.dt_min` (kind: identity)"));
}

TEST(Config, AKindChosenBeforehandIsTheDefault) {
  ToyOptions options;
  options.model.layer.choose("identity");
  Config::parse("seed: 1\nmodel: {d_model: 8}\n", "x.yaml").read(options);
  EXPECT_EQ(options.model.layer.kind(), "identity");
}

TEST(Config, ReplacingTheDefaultKindDropsWhatOnlyItHad) {
  const auto kind = [](const std::string& text, const std::vector<std::string>& overrides) {
    ToyMixerOptions options;
    Config::parse(text, "x.yaml", overrides).read(options);
    return options.layer.kind();
  };
  EXPECT_EQ(kind("dt_min: 0.1\n", {}), "s4d");
  EXPECT_EQ(kind("dt_min: 0.1\n", {"layer=identity"}), "identity");
  for (const std::vector<std::string>& overrides : {std::vector<std::string>{}, {"layer=identity"}})
    EXPECT_THAT(
        error_of(ErrorKind::usage, [&] { kind("layer: identity\ndt_min: 0.1\n", overrides); }),
        HasSubstr("unknown key `dt_min` (kind: identity)"));
  EXPECT_THAT(error_of(ErrorKind::usage, [&] { kind("dt_mn: 0.1\n", {}); }),
              HasSubstr("unknown key `dt_mn` (kind: s4d)"));
}

TEST(Config, OfTwoKeysForOneThingTheLaterHolds) {
  const auto held = [](const std::string& text, const Overrides& overrides) {
    Config config = Config::parse(good + text, "x.yaml", overrides);
    config.keep_later("limit", "root");
    ToyOptions options;
    config.read(options);
    return str(options.limit.value_or(0), options.root.value_or(""), "\n",
               config.resolved(options));
  };
  EXPECT_THAT(held("root: a\nlimit: 1\n", {}), StartsWith("1\n"));  // one file: the first named
  EXPECT_THAT(held("", {"limit=1", "root=a"}), StartsWith("1\n"));  // one command line: likewise
  EXPECT_THAT(held("root: a\n", {"limit=1"}), StartsWith("1\n"));
  EXPECT_THAT(held("limit: 1\n", {"root=null"}), StartsWith("1\n"));
  EXPECT_THAT(held("limit: 1\n", {"root=a"}),
              AllOf(StartsWith("0a\n"), ContainsRegex("\nlimit: null +# override\n"),
                    ContainsRegex("\nroot: a +# override\n")));
}

TEST(Config, MistakesOfSeveralValuesStandAtOneOfThem) {
  const Config config = Config::parse(str(good, "optim: {betas: [1]}\n"), "x.yaml", {"optim.lr=2"});
  config.refuse({});
  EXPECT_EQ(error_of(ErrorKind::usage,
                     [&] {
                       config.refuse({{{"optim.betas", "optim.lr"}, "betas and lr"},
                                      {{"seed"}, "seed\n  take 2"},
                                      {{"model.dropout", "model.norm"}, "no dropout"},
                                      {{"limit"}, "no limit\n  give one"}});
                     }),
            "x.yaml:1:1: error: no limit\n"
            "  give one\n"
            "x.yaml:1:7: error: seed\n"
            "    1 | seed: 1\n"
            "      |       ^ take 2\n"
            "x.yaml:2:1: error: no dropout\n"
            "    2 | model: {d_model: 8, layer: s4d}\n"
            "      | ^~~~~\n"
            "override `optim.lr=2`: error: betas and lr\n"
            "  optim.betas: x.yaml:3, optim.lr: override");
}

}  // namespace
}  // namespace lw
