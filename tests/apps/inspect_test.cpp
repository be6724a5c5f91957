// `longwave inspect`: what it says of each kind of layer, the pictures, and what it refuses.
#include "apps/memory_charts.h"
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

/// The numbers that an attribute of the elements of a picture has.
std::vector<double> attributes(const std::string& svg, const std::string& element,
                               const std::string& name) {
  std::vector<double> values;
  for (size_t at = svg.find("<" + element + " "); at != svg.npos;
       at = svg.find("<" + element + " ", at + 1))
    if (const size_t value = svg.find(name + "=\"", at); value < svg.find('>', at))
      values.push_back(std::atof(svg.c_str() + value + name.size() + 2));
  return values;
}

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

TEST_F(Inspect, PaddingIsNotRead) {
  complete(
      train("copying", "run",
            {"data={kind: listops, min_length: 5, length: 60, train: 8, validation: 8, test: 8}",
             "train.steps=1"}));
  layers({at("run"), "--out", at("pictures")});
  const std::string picture = text_of("pictures/selection.svg");
  const std::vector<double> cells = attributes(picture, "rect", "x");
  EXPECT_GE(cells.size(), 2 * 5u);  // of two layers
  EXPECT_LT(cells.size(), 2 * 60u);
  EXPECT_THAT(picture, testing::Not(HasSubstr(">0</text>")));  // the token that pads
}

TEST_F(Inspect, GatedRecurrencesTellTheirSelectionToo) {
  complete(train("copying", "run", {"model={layer: rg_lru, d_model: 8, n_layers: 1}"}));
  const std::vector<Json> lines = layers({at("run"), "--out", at("pictures")});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["kind"], "selective");
  expect_range(lines[0]["step_sizes"], 0, 1);
  EXPECT_EQ(flaw_of(text_of("pictures/selection.svg")), "");
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
    expect_range(lines[0]["memory_steps"], 1, 1 << 17);
    EXPECT_FALSE(lines[0].contains("lower_bounds"));
    expect_range(lines[0]["step_sizes"], 1e-4, 1);
    EXPECT_EQ(flaw_of(text_of("pictures/layer-1.svg")), "");
  }
  for (const char* layer : {"s4", "dss", "s5", "lru"})
    EXPECT_EQ(layers({at("digits.yaml"), str("model.layer=", layer), "--length", "20"}).size(), 2u);
}

TEST_F(Inspect, WhatIsRememberedDoesNotDependOnTheLengthShown) {
  // A step of 1e-3 and modes that fade at rate 1/2: 2,000 steps to 1/e.
  for (const char* layer : {"s4d", "s5"}) {
    const std::vector<std::string> slow{at("digits.yaml"), str("model.layer=", layer),
                                        "model.dt_min=1.0e-3", "model.dt_max=1.0e-3"};
    std::vector<std::string> drawn = slow;
    drawn.insert(drawn.end(), {"--length", "20", "--out", at("pictures")});
    const std::vector<Json> lines = layers(drawn);
    expect_range(lines[0]["memory_steps"], 1025, 10000);
    EXPECT_FALSE(lines[0].contains("lower_bounds"));
    EXPECT_EQ(lines, layers(slow));
  }
  EXPECT_THAT(text_of("pictures/layer-0.svg"), HasSubstr(">steps that hold 95 % of a kernel<"));
}

TEST_F(Inspect, SaysWhereMoreIsRememberedThanCanBeMeasured) {
  const std::vector<std::string> endless{at("digits.yaml"), "model.dt_min=1.0e-7",
                                         "model.dt_max=1.0e-7"};
  EXPECT_EQ(layers(endless)[0]["lower_bounds"], Json({true, true, true}));
  std::vector<std::string> drawn{"inspect"};
  drawn.insert(drawn.end(), endless.begin(), endless.end());
  drawn.insert(drawn.end(), {"--out", at("pictures")});
  const Ended ended = longwave(drawn);
  EXPECT_THAT(ended.out, testing::ContainsRegex("steps remembered +>= 1\\.[0-9]+e\\+05 +>= "));
  EXPECT_THAT(text_of("pictures/index.html"), HasSubstr("<td>\u2265 1."));
  EXPECT_THAT(text_of("pictures/layer-0.svg"),
              HasSubstr(">steps that hold 95 % of a kernel, at least<"));
}

TEST_F(Inspect, ChartsStandBelowEachOtherWhereAPageIsNarrow) {
  complete({"inspect", at("digits.yaml"), "--out", at("pictures")});
  const std::string page = text_of("pictures/index.html");
  EXPECT_EQ(flaw_of(page.substr(page.find("<body>"), page.find("</html>") - page.find("<body>"))),
            "");
  EXPECT_THAT(page, HasSubstr("<div class=\"charts\">\n<svg"));
  EXPECT_THAT(page, HasSubstr("viewBox=\"0 0 460 360\""));
  EXPECT_THAT(text_of("pictures/layer-0.svg"), HasSubstr("viewBox=\"0 0 920 720\""));
  for (const char* name : {">short (", ">middle (", ">long ("}) EXPECT_THAT(page, HasSubstr(name));
}

TEST(SelectionPicture, LongInputsGoOnBelow) {
  LayerMemory memory{.selection = Selection{Tensor::zeros({1, 600, 3}), Tensor::full({3, 2}, -1)}};
  memory.selection->delta.fill(0.1f);
  const auto picture = [&](const std::vector<std::string>& labels) {
    const std::string svg = selection_svg({memory, memory}, labels);
    EXPECT_EQ(flaw_of(svg), "");
    return svg;
  };
  const std::string brief = picture({"a", "b", "c"});
  EXPECT_THAT(brief, HasSubstr("viewBox=\"0 0 960 120\""));
  EXPECT_THAT(brief, testing::Not(HasSubstr("of 3 steps")));

  const std::vector<std::string> tokens(100, "15"), letters(100, "\u00b7");
  const std::string two_digits = picture(tokens);
  const std::vector<double> x = attributes(two_digits, "rect", "x"),
                            width = attributes(two_digits, "rect", "width");
  ASSERT_EQ(x.size(), 200u);
  EXPECT_GE(x[1] - x[0], 2 * 7.3);  // of a digit
  for (size_t i = 0; i < x.size(); ++i) EXPECT_LE(x[i] + width[i + 1], 960);
  EXPECT_GE(attributes(picture(letters), "rect", "x")[1] - 76, 12);
  EXPECT_LT(attributes(picture(letters), "rect", "x")[1], x[1]);

  EXPECT_THAT(picture(std::vector<std::string>(600, "a")), HasSubstr("; 512 of 600 steps"));
  // A label each ten cells needs no wide ones.
  std::vector<std::string> tenths(100);
  for (size_t i = 0; i < 100; i += 10) tenths[i] = str(1000 + i);
  EXPECT_EQ(attributes(picture(tenths), "rect", "width")[1], 13);
}

TEST_F(Inspect, SaysWhatItCannotShow) {
  EXPECT_EQ(refusal({at("digits.yaml"), "model.layer=mamba1"}, 2),
            "longwave inspect: error: mamba1 has no memory of its own that could be shown "
            "before it is trained\n  train it, and inspect the run\n");
  for (const char* layer : {"gru", "transformer"})
    EXPECT_EQ(refusal({at("digits.yaml"), str("model.layer=", layer)}, 2),
              str("longwave inspect: error: layers of kind ", layer,
                  " tell nothing of what they remember, trained or not\n  state-space layers do; "
                  "layers/dynamics.h says how another would\n"));
  EXPECT_THAT(refusal({at("digits.yaml"), "--text", "x"}, 2), HasSubstr("has not learned to read"));
  EXPECT_THAT(refusal({at("digits.yaml"), "--sample", "1"}, 2), HasSubstr("it goes with a run"));
  complete(train("copying", "run", {"train.steps=1"}));
  EXPECT_THAT(refusal({at("run"), "--length", "9"}, 2), HasSubstr("it goes with a config"));
  EXPECT_THAT(refusal({at("run"), "--text", "abc", "--sample", "1"}, 2),
              HasSubstr("leave one out"));
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
