// `longwave inspect`: what it says of each kind of layer, the pictures, and what it refuses.
#include "tests/apps/program.h"
#include "tests/apps/well_formed.h"

namespace lw {
namespace {

using testing::HasSubstr;

class Inspect : public ProgramTest {
 protected:
  /// The lines of `longwave inspect ARGUMENTS --json`.
  std::vector<Json> layers(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "inspect");
    arguments.push_back("--json");
    const Ended ended = longwave(arguments);
    EXPECT_EQ(ended.code, 0) << ended.err;
    std::vector<Json> lines;
    std::istringstream in(ended.out);
    for (std::string line; std::getline(in, line);) lines.push_back(parse_json(line, "stdout"));
    return lines;
  }
  std::string refusal(std::vector<std::string> arguments, int code) const {
    arguments.insert(arguments.begin(), "inspect");
    const Ended ended = longwave(arguments);
    EXPECT_EQ(ended.code, code);
    EXPECT_EQ(ended.out, "");
    return ended.err;
  }
  /// Three numbers in ascending order.
  static void expect_range(const Json& range, double least, double most) {
    ASSERT_EQ(range.size(), 3u);
    EXPECT_GE(range[0].get<double>(), least);
    EXPECT_LE(range[0].get<double>(), range[1].get<double>());
    EXPECT_LE(range[1].get<double>(), range[2].get<double>());
    EXPECT_LE(range[2].get<double>(), most);
  }
};

TEST_F(Inspect, SelectiveLayersTellTheirStepSizes) {
  complete(train("copying", "run"));
  const std::vector<Json> lines = layers({at("run"), "--out", at("pictures/run")});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1]["layer"], 1);
  EXPECT_EQ(lines[1]["kind"], "selective");
  EXPECT_EQ(lines[1]["channels"], 16);
  expect_range(lines[1]["step_sizes"], 1e-5, 10);
  expect_range(lines[1]["memory_steps"], 0.01, 1e6);
  for (const char* name : {"layer-0.svg", "layer-1.svg", "selection.svg"})
    EXPECT_EQ(flaw_of(text_of(Path("pictures/run") / name)), "") << name;
  const std::string page = text_of("pictures/run/index.html");
  EXPECT_THAT(page, HasSubstr("<h2>layer 1</h2>"));
  EXPECT_THAT(page, HasSubstr("where each layer looks"));
  // The same run, the same pictures.
  layers({at("run"), "--out", at("again")});
  EXPECT_EQ(page, text_of("again/index.html"));
  EXPECT_NE(lines, layers({at("run"), "--sample", "1"}));
}

TEST_F(Inspect, ALanguageModelReadsTheTextGiven) {
  complete(train("text", "run"));
  const std::vector<Json> lines =
      layers({at("run"), "--text", "3 waves\nof", "--out", at("pictures")});
  ASSERT_EQ(lines.size(), 1u);
  const std::string heat = text_of("pictures/selection.svg");
  for (const char* label : {">3<", ">\u00b7<", ">w<", ">\u21b5<"})
    EXPECT_THAT(heat, HasSubstr(label));
  EXPECT_NE(lines, layers({at("run"), "--text", "5 waves"}));
  EXPECT_THAT(refusal({at("run"), "--text", "Q"}, 2), HasSubstr("the character `Q`"));
}

TEST_F(Inspect, TimeInvariantLayersTellTheirDynamics) {
  complete(train("digits", "run"));
  for (const char* what : {"run", "digits.yaml"}) {
    const std::vector<Json> lines = layers({at(what), "--out", at("pictures")});
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0]["kind"], "time-invariant");
    expect_range(lines[0]["pole_radii"], 0, 1);
    expect_range(lines[0]["memory_steps"], 1, 1024);
    expect_range(lines[0]["step_sizes"], 1e-4, 1);
    EXPECT_EQ(flaw_of(text_of("pictures/layer-1.svg")), "");
  }
  for (const char* layer : {"s4", "dss", "s5", "lru"})
    EXPECT_EQ(layers({at("digits.yaml"), str("model.layer=", layer), "--length", "20"}).size(), 2u);
  EXPECT_NE(layers({at("digits.yaml"), "--length", "20"}), layers({at("digits.yaml")}));
}

TEST_F(Inspect, SaysWhatItCannotShow) {
  EXPECT_EQ(refusal({at("digits.yaml"), "model.layer=mamba1"}, 2),
            "longwave inspect: error: mamba1 has no memory of its own that could be shown "
            "before it is trained\n  train it, and inspect the run\n");
  EXPECT_THAT(refusal({at("digits.yaml"), "--text", "x"}, 2), HasSubstr("has not learned to read"));
  complete(train("copying", "run", {"train.steps=1"}));
  EXPECT_EQ(refusal({at("run"), "--text", "abc"}, 2),
            "longwave inspect: error: --text: this model reads no text, but samples of "
            "selective_copying\n");
  EXPECT_EQ(refusal({at("run"), "--sample", "16"}, 2),
            "longwave inspect: error: --sample 16: there are 16 samples, from 0\n");
  EXPECT_THAT(refusal({at("nothing")}, 3), HasSubstr("nothing"));
  EXPECT_THAT(refusal({at("run"), "--out", at("copying.yaml/x")}, 7), HasSubstr("copying.yaml"));
}

}  // namespace
}  // namespace lw
