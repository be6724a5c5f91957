// Line charts as SVG files that need no program but a browser.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lw {

struct Curve {
  std::string name;  ///< in the legend
  std::vector<std::pair<double, double>>
      points;  ///< (x, y), x ascending; those not finite are left out
};

struct Chart {
  std::string title, x_label, y_label;
  std::vector<Curve> curves;
  bool log_y = false;  ///< logarithmic y axis; values not above 0 are left out
};

/// The chart as the text of an SVG file: the same bytes for the same data. A curve of more than
/// 2,000 points is thinned to one a pixel column, keeping the extremes of each.
std::string svg(const Chart& chart);

}  // namespace lw
