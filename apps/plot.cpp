#include "apps/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/error.h"

namespace lw {
namespace {

constexpr double width = 800, height = 480, left = 76, right = 20, top = 46, bottom = 56;
constexpr const char* colors[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"};

/// A number in the fewest digits that a reader needs.
std::string label(double value) {
  char text[32];
  const double magnitude = std::abs(value);
  if (magnitude >= 1e6 || (magnitude > 0 && magnitude < 1e-3)) {
    std::snprintf(text, sizeof text, "%.3g", value);
  } else {
    std::snprintf(text, sizeof text, "%.6g", value);
  }
  return text;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

/// An axis: a range of values, where its ticks stand, and the pixels it is drawn on.
struct Axis {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  double first_pixel, last_pixel;
  std::vector<double> ticks;

  void include(double value) { low = std::min(low, value), high = std::max(high, value); }
  double pixel(double value) const {
    return first_pixel + (value - low) / (high - low) * (last_pixel - first_pixel);
  }

  /// Widens an empty range and sets ticks at multiples of 1, 2 or 5 times a power of ten.
  void finish() {
    if (low > high) low = 0, high = 1;
    if (low == high)
      low -= std::max(0.5, std::abs(low) * 0.1), high += std::max(0.5, std::abs(high) * 0.1);
    const double raw = (high - low) / 6, power = std::pow(10, std::floor(std::log10(raw)));
    const double step = power * (raw / power <= 1   ? 1
                                 : raw / power <= 2 ? 2
                                 : raw / power <= 5 ? 5
                                                    : 10);
    for (double tick = std::ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step)
      ticks.push_back(std::abs(tick) < 1e-9 * step ? 0 : tick);
  }
};

/// At most two points (the extremes) for each pixel column.
std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<double, double>>& points,
                                               const Axis& x) {
  if (points.size() <= 2000) return points;
  std::vector<std::pair<double, double>> result;
  for (size_t i = 0; i < points.size();) {
    const double column = std::floor(x.pixel(points[i].first));
    size_t lowest = i, highest = i;
    for (; i < points.size() && std::floor(x.pixel(points[i].first)) == column; ++i) {
      if (points[i].second < points[lowest].second) lowest = i;
      if (points[i].second > points[highest].second) highest = i;
    }
    result.push_back(points[std::min(lowest, highest)]);
    if (lowest != highest) result.push_back(points[std::max(lowest, highest)]);
  }
  return result;
}

}  // namespace

std::string svg(const Chart& chart) {
  std::vector<Curve> curves = chart.curves;
  Axis x{.first_pixel = left, .last_pixel = width - right},
      y{.first_pixel = height - bottom, .last_pixel = top};
  for (Curve& curve : curves) {
    std::erase_if(curve.points, [&](const auto& p) {
      return !std::isfinite(p.first) || !std::isfinite(p.second) || (chart.log_y && p.second <= 0);
    });
    for (auto& [px, py] : curve.points) {
      if (chart.log_y) py = std::log10(py);
      x.include(px), y.include(py);
    }
  }
  x.finish(), y.finish();

  std::string out =
      str("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", width, " ", height,
          "\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" "
          "fill=\"white\"/>\n");
  const auto text = [&](double px, double py, const char* anchor, const std::string& content,
                        const std::string& more = "") {
    out += str("<text x=\"", label(px), "\" y=\"", label(py), "\" text-anchor=\"", anchor, "\"",
               more, ">", escaped(content), "</text>\n");
  };
  const auto line = [&](double x1, double y1, double x2, double y2, const char* color) {
    out += str("<line x1=\"", label(x1), "\" y1=\"", label(y1), "\" x2=\"", label(x2), "\" y2=\"",
               label(y2), "\" stroke=\"", color, "\"/>\n");
  };
  text(width / 2, 24, "middle", chart.title, " font-size=\"16\"");
  for (const double tick : x.ticks) {
    line(x.pixel(tick), top, x.pixel(tick), height - bottom, "#e5e5e5");
    text(x.pixel(tick), height - bottom + 18, "middle", label(tick));
  }
  for (const double tick : y.ticks) {
    line(left, y.pixel(tick), width - right, y.pixel(tick), "#e5e5e5");
    text(left - 8, y.pixel(tick) + 4, "end", label(chart.log_y ? std::pow(10, tick) : tick));
  }
  line(left, height - bottom, width - right, height - bottom, "#333333");
  line(left, top, left, height - bottom, "#333333");
  text((left + width - right) / 2, height - 14, "middle", chart.x_label);
  text(18, (top + height - bottom) / 2, "middle", chart.y_label,
       str(" transform=\"rotate(-90 18 ", label((top + height - bottom) / 2), ")\""));

  for (size_t i = 0; i < curves.size(); ++i) {
    const char* color = colors[i % std::size(colors)];
    out += str("<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"", color, "\" points=\"");
    char point[64];
    for (const auto& [px, py] : thinned(curves[i].points, x)) {
      std::snprintf(point, sizeof point, "%.1f,%.1f ", x.pixel(px), y.pixel(py));
      out += point;
    }
    out += "\"/>\n";
    const double row = top + 14 + 18 * static_cast<double>(i);
    line(width - right - 120, row - 4, width - right - 96, row - 4, color);
    text(width - right - 90, row, "start", curves[i].name);
  }
  return out + "</svg>\n";
}

}  // namespace lw
