// The charts: well-formed XML, the same bytes for the same data, no extreme lost.
#include "apps/plot.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/apps/well_formed.h"

namespace lw {
namespace {

using testing::HasSubstr;
using testing::Not;

/// The y coordinates of the first curve.
std::vector<double> heights(const std::string& svg) {
  const std::string points = "points=\"";
  size_t at = svg.find(points) + points.size();
  std::vector<double> result;
  for (const size_t end = svg.find('"', at); at < end;) {
    const size_t comma = svg.find(',', at);
    result.push_back(std::stod(svg.substr(comma + 1)));
    at = svg.find(' ', comma) + 1;
  }
  return result;
}

TEST(Plot, IsWellFormedWhateverTheWords) {
  const Chart chart{.title = "a < b & \"c\"",
                    .x_label = "step",
                    .y_label = "<loss>",
                    .curves = {{"train&", {{1, 2}, {2, 1}}}, {"val", {{1, 3}}}}};
  const std::string text = svg(chart);
  EXPECT_EQ(flaw_of(text), "");
  EXPECT_TRUE(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_THAT(text, HasSubstr("a &lt; b &amp; &quot;c&quot;"));
  EXPECT_EQ(text, svg(chart));
}

TEST(Plot, BearsAnyData) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const auto& points : std::vector<std::vector<std::pair<double, double>>>{
           {}, {{0, 0}}, {{1, NAN}, {2, inf}}, {{1, 5}, {2, 5}}, {{0, 1e-300}, {1e15, 1e300}}}) {
    for (const bool log_y : {false, true}) {
      const std::string text = svg({.title = "t", .curves = {{"c", points}}, .log_y = log_y});
      EXPECT_EQ(flaw_of(text), "");
      EXPECT_THAT(text, Not(HasSubstr("nan")));
      EXPECT_THAT(text, Not(HasSubstr("inf")));
    }
  }
}

TEST(Plot, ThinningKeepsTheExtremes) {
  Curve curve{.name = "c"};
  for (int i = 0; i < 50000; ++i)
    curve.points.emplace_back(i, i == 12345 ? 100 : i == 31000 ? -100 : std::sin(i * 0.01));
  const std::vector<double> y = heights(svg({.title = "t", .curves = {curve}}));
  EXPECT_LE(y.size(), 2000u);
  EXPECT_GT(y.size(), 700u);
  EXPECT_EQ(*std::min_element(y.begin(), y.end()), 46);   // the top of the chart: 100
  EXPECT_EQ(*std::max_element(y.begin(), y.end()), 424);  // the bottom: -100
}

TEST(Plot, PanelsStandInRows) {
  const Chart chart{.title = "one",
                    .curves = {{.points = {{0.5, 0.5}, {-1, 0}}, .style = Curve::Style::dots}},
                    .unit_circle = true,
                    .width = 300,
                    .height = 300};
  const std::string text = svg({chart, chart, chart}, 2);
  EXPECT_EQ(flaw_of(text), "");
  EXPECT_THAT(text, HasSubstr("viewBox=\"0 0 600 600\""));
  EXPECT_THAT(text, HasSubstr("translate(300 0)"));
  EXPECT_THAT(text, HasSubstr("translate(0 300)"));
}

TEST(Plot, NamesStandApartAtTheEndsOfTheirCurves) {
  const Curve first{.name = "first", .points = {{0, 0}, {1, 1}}};
  const Curve second{.name = "second", .points = {{0, 1}, {1, 1}}, .style = Curve::Style::ghost};
  const Curve third{.name = "third", .points = {{0, 0}, {1, 0}}, .style = Curve::Style::area};
  const std::string text = svg({.title = "t",
                                .curves = {first, second, third},
                                .spans = {{0.5, 2, "span"}},
                                .reach_x = {-1, 1},
                                .x_axis = false});
  EXPECT_EQ(flaw_of(text), "");
  const auto height = [&](const std::string& name) {
    const size_t end = text.find(">" + name + "</text>");
    const std::string attribute = " y=\"";
    return std::stod(text.substr(text.rfind(attribute, end) + attribute.size()));
  };
  EXPECT_EQ(height("first"), 46 + 4);  // where its curve ends: the top
  EXPECT_EQ(height("second"), height("first") + 16);
  EXPECT_EQ(height("third"), 472 + 4);
  EXPECT_EQ(height("span"), 46 - 8);
}

TEST(Plot, ShortLogarithmicAxesHaveRoundTicks) {
  const auto ticks = [](double least, double most) {
    const std::string text = svg({.curves = {{.points = {{least, 0}, {most, 1}}}},
                                  .log_x = true,
                                  .note = "not all",
                                  .width = 460});
    EXPECT_THAT(text, HasSubstr("text-anchor=\"end\" class=\"faint\">not all</text>"));
    std::vector<std::string> labels;
    const std::string middle = "y=\"444\" text-anchor=\"middle\" class=\"faint\">";
    for (size_t at = text.find(middle); at != text.npos; at = text.find(middle, at + 1))
      labels.push_back(text.substr(at + middle.size(), text.find('<', at) - at - middle.size()));
    return labels;
  };
  using testing::ElementsAre;
  EXPECT_THAT(ticks(745, 890), ElementsAre("750", "800", "850"));
  EXPECT_THAT(ticks(0.0019, 0.0071),
              ElementsAre("0.002", "0.003", "0.004", "0.005", "0.006", "0.007"));
  EXPECT_THAT(ticks(7, 80), ElementsAre("10", "20", "50"));
}

TEST(Plot, AHistogramCountsEveryValue) {
  using testing::ElementsAre;
  using testing::Pair;
  EXPECT_THAT(histogram({1, 2, 2, 5, NAN}, 2).points,
              ElementsAre(Pair(1, 3), Pair(3, 1), Pair(5, 0)));
  EXPECT_THAT(histogram({0, 1, 100, -3}, 2, true).points,
              ElementsAre(Pair(1, 1), Pair(10, 1), Pair(100, 0)));
  EXPECT_THAT(histogram({7, 7}, 1).points, ElementsAre(Pair(6.5, 2), Pair(7.5, 0)));
  EXPECT_TRUE(histogram({}, 3).points.empty());
  EXPECT_EQ(flaw_of(svg({.curves = {histogram({1, 10, 1000}, 4, true)}, .log_x = true})), "");
}

}  // namespace
}  // namespace lw
