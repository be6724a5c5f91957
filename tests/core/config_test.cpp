#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/core/config_options.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Overrides = std::vector<std::string>;

constexpr const char* good = "seed: 3\nmodel: {d_model: 64, layer: s4d}\n";

ToyOptions read(const std::string& text, const Overrides& overrides = {}) {
  ToyOptions options;
  Config::parse(text, "x.yaml", overrides).read(options);
  return options;
}

TEST(Config, DefaultsStayWhereNothingIsGiven) {
  const ToyOptions options = read(good);
  EXPECT_EQ(options.seed, 3);
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

TEST(Config, ResolvedNamesTheSourceOfEveryValue) {
  const Config config = Config::parse(good, "configs/x.yaml", {"optim.lr=0.00001"});
  ToyOptions options;
  config.read(options);
  EXPECT_EQ(config.resolved(options),
            "name: run              # default\n"
            "seed: 3                # configs/x.yaml:1\n"
            "verbose: false         # default\n"
            "limit: null            # default\n"
            "root: null             # default\n"
            "sizes: [1, 2]          # default\n"
            "tags: []               # default\n"
            "model:\n"
            "  d_model: 64          # configs/x.yaml:2\n"
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

TEST(Config, ResolvedDependsOnValuesAlone) {
  const ToyOptions a = read(good, {"optim.lr=0.0100", "name=\"n\""});
  const ToyOptions b =
      read("optim: {lr: 1e-2}\nname: n\nseed: 3\nmodel: {layer: s4d, d_model: 6.4e1}\n");
  EXPECT_EQ(resolved_config(a), resolved_config(b));
}

TEST(Config, ResolvedLoadsAgainWithTheSameValues) {
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

TEST(Config, NumbersKeepTheirBits) {
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

TEST(Config, ResumeOverridesTheResolvedText) {
  const std::string saved = resolved_config(read(good, {"optim.lr=0.5"}));
  const std::string now = resolved_config(read(saved, {"seed=4", "tags=[a]", "root=null"}));
  std::vector<std::string> changes;
  for (const auto& [key, before, after] : config_changes(saved, now))
    changes.push_back(key + ": " + before + " -> " + after);
  EXPECT_THAT(changes, ElementsAre("seed: 3 -> 4", "tags: [] -> [a]"));
}

TEST(Config, ChangesNameKeysThatCameAndWent) {
  const std::string before = resolved_config(read(good));
  const std::string now = resolved_config(read(good, {"model.layer=mamba1", "model.expand=2"}));
  std::vector<std::string> changes;
  for (const auto& [key, old_text, text] : config_changes(before, now))
    changes.push_back(key + ": " + old_text + " -> " + text);
  EXPECT_THAT(changes, ElementsAre("model.layer: s4d -> mamba1", "model.d_state: 64 -> 16",
                                   "model.expand:  -> 2", "model.fused:  -> true",
                                   "model.dt_min: 0.001 -> "));
}

TEST(ConfigSchema, DescribesEveryField) {
  const auto schema = nlohmann::json::parse(config_schema<ToyOptions>("toy"));
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["title"], "toy");
  EXPECT_EQ(schema["type"], "object");
  EXPECT_EQ(schema["required"], (nlohmann::json{"seed", "model"}));
  EXPECT_EQ(schema["unevaluatedProperties"], false);
  EXPECT_TRUE(schema["properties"].contains("extends"));

  const auto& seed = schema["properties"]["seed"];
  EXPECT_EQ(seed["description"], "of everything random");
  EXPECT_EQ(seed["minimum"], 0);
  EXPECT_EQ(seed["type"], (nlohmann::json{"integer", "string"}));
  EXPECT_FALSE(seed.contains("default"));
  const auto& model = schema["properties"]["model"];
  EXPECT_EQ(model["description"], "the network");
  EXPECT_EQ(model["required"], (nlohmann::json{"d_model", "layer"}));
  EXPECT_EQ(model["properties"]["dropout"]["exclusiveMaximum"], 1);
  EXPECT_EQ(model["properties"]["norm"]["anyOf"][0]["enum"], (nlohmann::json{"rms", "layer"}));
  EXPECT_EQ(model["properties"]["norm"]["default"], "rms");
  const auto& optim = schema["properties"]["optim"]["properties"];
  EXPECT_EQ(optim["betas"]["items"]["exclusiveMaximum"], 1);
  EXPECT_EQ(optim["betas"]["default"], (nlohmann::json{0.9, 0.999}));
  EXPECT_EQ(optim["groups"]["properties"]["ssm_a"]["properties"]["lr"]["anyOf"][1]["type"], "null");
}

TEST(ConfigSchema, KindsAreBranches) {
  const auto schema = nlohmann::json::parse(config_schema<ToyOptions>("toy"));
  const auto& model = schema["properties"]["model"];
  EXPECT_EQ(model["properties"]["layer"]["enum"], (nlohmann::json{"identity", "mamba1", "s4d"}));
  ASSERT_EQ(model["allOf"].size(), 3u);
  const auto& branch = model["allOf"][1];
  EXPECT_EQ(branch["if"], nlohmann::json::parse(
                              R"({"properties": {"layer": {"const": "mamba1"}},
                                  "required": ["layer"]})"));
  EXPECT_EQ(branch["then"]["required"], nlohmann::json::array({"expand"}));
  EXPECT_EQ(branch["then"]["properties"]["fused"]["default"], true);
  EXPECT_EQ(model["allOf"][2]["then"]["properties"]["d_state"]["multipleOf"], 2);
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
