// Charts as SVG files that need no program but a browser.
#pragma once

#include <string>
#include <vector>

#include "apps/svg.h"

namespace lw {

struct Curve {
  enum class Style {
    line,
    ghost,  ///< a wide, pale line, for others to be drawn over
    area,   ///< a line, and what is between it and 0 tinted
    dots,
    steps,  ///< a filled step from each x to the next, as of a histogram; the last y is not drawn
  };
  std::string name;  ///< at its right end, in its colour; empty: not written
  Points points;     ///< (x, y), x ascending but for dots; those not finite are left out
  Style style = Style::line;
};

/// A range of x that is tinted.
struct Span {
  double first = 0, last = 0;
  std::string name;  ///< above it
};

struct Chart {
  std::string title, x_label, y_label;
  std::vector<Curve> curves;
  bool log_x = false;  ///< logarithmic axes; values not above 0 are left out
  bool log_y = false;
  bool unit_circle = false;  ///< drawn, and the plane is [-1.05, 1.05] x [-1.05, 1.05]
  std::vector<Span> spans = {};
  std::vector<double> reach_x = {};  ///< what the x axis reaches to, whatever the curves do
  std::string note = {};             ///< at the right below the x axis: what is not drawn
  bool x_axis = true;                ///< false: without ticks, above a chart that has the same axis
  double width = 800, height = 480;
};

/// The chart as the text of an SVG file: the same bytes for the same data. A curve of more than
/// 2,000 points is thinned to one a pixel column, keeping the extremes of each.
std::string svg(const Chart& chart);

/// Several in one file, in rows of `columns`; in one column their axes are aligned.
std::string svg(const std::vector<Chart>& panels, size_t columns);

/// How many of `values` fall into each of `bins` equal parts of their range (of their logarithms'
/// range), as steps. Values that are not finite (or not above 0) are left out.
Curve histogram(const std::vector<double>& values, size_t bins, bool logarithmic = false);

}  // namespace lw
