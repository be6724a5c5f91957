#include "apps/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace lw {
namespace {

constexpr double left = 76, right = 20, top = 46, bottom = 56;
constexpr double letter = 7, line_height = 16;  // of names, in pixels
constexpr const char* faint = " class=\"faint\"";
constexpr const char* colors[] = {"#3b82c4", "#d9483b", "#3aa05a", "#9467bd", "#e08a1e", "#22a3b3"};

/// An axis: a range of values, where its ticks stand, and the pixels it is drawn on.
struct Axis {
  bool logarithmic;  // values are logarithms to base 10
  double first_pixel, last_pixel;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  std::vector<double> ticks;

  bool bears(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }
  double place(double value) const { return logarithmic ? std::log10(value) : value; }
  void include(double value) { low = std::min(low, value), high = std::max(high, value); }
  double pixel(double value) const {
    return first_pixel + (value - low) / (high - low) * (last_pixel - first_pixel);
  }
  std::string label(double tick) const {
    return number_label(logarithmic ? std::pow(10, tick) : tick);
  }

  /// Widens an empty range and sets the ticks.
  void finish() {
    if (low > high) low = 0, high = 1;
    if (low == high)
      low -= std::max(0.5, std::abs(low) * 0.1), high += std::max(0.5, std::abs(high) * 0.1);
    const double pixels = std::abs(last_pixel - first_pixel);
    const double most = std::clamp(pixels / (logarithmic ? 40 : 70), 2., 6.);
    ticks = logarithmic ? decades(most) : multiples(low, high, most);
  }

 private:
  /// About `most` multiples of 1, 2 or 5 times a power of ten.
  static std::vector<double> multiples(double low, double high, double most) {
    const double raw = (high - low) / most, power = std::pow(10, std::floor(std::log10(raw)));
    const double step = power * (raw / power <= 1   ? 1
                                 : raw / power <= 2 ? 2
                                 : raw / power <= 5 ? 5
                                                    : 10);
    std::vector<double> ticks;
    for (double tick = std::ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step)
      ticks.push_back(std::abs(tick) < 1e-9 * step ? 0 : tick);
    return ticks;
  }

  /// Powers of ten, every so many where there are more than `most`; where there are few of them, numbers between.
  std::vector<double> decades(double most) const {
    const double range = high - low, step = std::max(1., std::ceil(range / most));
    std::vector<double> ticks;
    if (range < 0.7) {
      ticks = multiples(std::pow(10, low), std::pow(10, high), most);
      for (double& tick : ticks) tick = std::log10(tick);
      return ticks;
    }
    const std::vector<double> within = step > 1 || range > 3 ? std::vector<double>{1}
                                       : range > 1.5         ? std::vector<double>{1, 3}
                                                             : std::vector<double>{1, 2, 5};
    for (double power = std::floor(low); power <= high; power += step)
      for (const double factor : within) {
        const double tick = power + std::log10(factor);
        if (tick >= low - 1e-9 && tick <= high + 1e-9) ticks.push_back(tick);
      }
    return ticks;
  }
};

/// At most two points (the extremes) for each pixel column.
Points thinned(const Points& points, const Axis& x) {
  if (points.size() <= 2000) return points;
  Points result;
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

/// What the names of the curves need beside a chart.
double margin(const Chart& chart) {
  size_t longest = 0;
  for (const Curve& curve : chart.curves) longest = std::max(longest, curve.name.size());
  return longest == 0 ? right : right + letter * static_cast<double>(longest);
}

/// One chart, drawn into a picture.
class Panel {
 public:
  Panel(const Chart& chart, double margin, Svg& out)
      : chart_(chart),
        out_(out),
        curves_(chart.curves),
        x_{chart.log_x, left, chart.width - margin},
        y_{chart.log_y, chart.height - (chart.x_axis ? bottom : 8), top} {
    for (Curve& curve : curves_) {
      std::erase_if(curve.points,
                    [&](const auto& p) { return !x_.bears(p.first) || !y_.bears(p.second); });
      for (auto& [x, y] : curve.points) {
        x = x_.place(x), y = y_.place(y);
        x_.include(x), y_.include(y);
      }
      const bool filled = curve.style == Curve::Style::steps || curve.style == Curve::Style::area;
      if (filled && !chart.log_y) y_.include(0);
    }
    for (const double x : chart.reach_x) x_.include(x_.place(x));
    if (chart.unit_circle) {
      x_.low = y_.low = -1.05, x_.high = y_.high = 1.05;
      const double side = std::min(x_.last_pixel - x_.first_pixel, y_.first_pixel - y_.last_pixel);
      const double middle = (x_.first_pixel + x_.last_pixel) / 2;
      x_.first_pixel = middle - side / 2, x_.last_pixel = middle + side / 2;
      y_.last_pixel = y_.first_pixel - side;
    }
    x_.finish(), y_.finish();
  }

  void draw() {
    for (const Span& span : chart_.spans) draw_span(span);
    draw_frame();
    std::vector<const char*> colors_of;  // a ghost takes none
    size_t next = 0;
    for (const Curve& curve : curves_)
      colors_of.push_back(
          colors[(curve.style == Curve::Style::ghost ? next : next++) % std::size(colors)]);
    for (size_t i = 0; i < curves_.size(); ++i) draw_curve(curves_[i], colors_of[i]);
    draw_names(colors_of);
  }

 private:
  void draw_frame() {
    const double l = x_.first_pixel, r = x_.last_pixel, b = y_.first_pixel, t = y_.last_pixel;
    out_.text(l, t - 26, "start", chart_.title, " font-size=\"16\" font-weight=\"600\"");
    out_.text(l, t - 8, "start", chart_.y_label, faint);
    for (const double tick : y_.ticks) {
      out_.line(l, y_.pixel(tick), r, y_.pixel(tick), "grid");
      out_.text(l - 8, y_.pixel(tick) + 4, "end", y_.label(tick), faint);
    }
    if (chart_.unit_circle) {
      for (const double tick : x_.ticks) out_.line(x_.pixel(tick), t, x_.pixel(tick), b, "grid");
      out_.circle(x_.pixel(0), y_.pixel(0), x_.pixel(1) - x_.pixel(0), "frame");
    }
    if (!chart_.x_axis) return;
    out_.line(l, b, r, b, "frame");
    for (const double tick : x_.ticks) {
      out_.line(x_.pixel(tick), b, x_.pixel(tick), b + 5, "frame");
      out_.text(x_.pixel(tick), b + 20, "middle", x_.label(tick), faint);
    }
    out_.text((l + r) / 2, b + 42, "middle", chart_.x_label, faint);
    if (!chart_.note.empty()) out_.text(r, b + 42, "end", chart_.note, faint);
  }

  void draw_span(const Span& span) {
    const auto pixel = [&](double x) { return x_.pixel(std::clamp(x_.place(x), x_.low, x_.high)); };
    const double first = pixel(span.first), last = pixel(span.last), t = y_.last_pixel;
    out_.rectangle(first, t, last - first, y_.first_pixel - t, colors[0], 0.08);
    out_.text((first + last) / 2, t - 8, "middle", span.name, faint);
  }

  void draw_curve(const Curve& curve, const char* color) {
    Points pixels;
    if (curve.style == Curve::Style::steps) {
      const double floor = y_.pixel(chart_.log_y ? y_.low : 0);
      if (!curve.points.empty()) pixels.emplace_back(x_.pixel(curve.points[0].first), floor);
      for (size_t i = 0; i + 1 < curve.points.size(); ++i) {
        const double height = y_.pixel(curve.points[i].second);
        pixels.emplace_back(x_.pixel(curve.points[i].first), height);
        pixels.emplace_back(x_.pixel(curve.points[i + 1].first), height);
      }
      if (!pixels.empty()) pixels.emplace_back(pixels.back().first, floor);
      return out_.polygon(pixels, color);
    }
    const bool dots = curve.style == Curve::Style::dots;
    for (const auto& [x, y] : dots ? curve.points : thinned(curve.points, x_))
      pixels.emplace_back(x_.pixel(x), y_.pixel(y));
    if (dots) return out_.dots(pixels, color);
    if (curve.style == Curve::Style::ghost) return out_.ghost(pixels);
    if (curve.style == Curve::Style::area && !pixels.empty()) {
      const double floor = y_.pixel(chart_.log_y ? y_.low : 0);
      Points area = pixels;
      area.emplace_back(pixels.back().first, floor);
      area.emplace_back(pixels.front().first, floor);
      out_.polygon(area, color, 0.14);
    }
    out_.polyline(pixels, color);
  }

  /// The names of the curves at their right ends, moved apart where they would cover each other.
  void draw_names(const std::vector<const char*>& colors_of) {
    std::vector<std::pair<double, size_t>> names;  // height, curve
    for (size_t i = 0; i < curves_.size(); ++i)
      if (!curves_[i].name.empty() && !curves_[i].points.empty())
        names.emplace_back(y_.pixel(curves_[i].points.back().second), i);
    std::sort(names.begin(), names.end());
    for (size_t i = 1; i < names.size(); ++i)
      names[i].first = std::max(names[i].first, names[i - 1].first + line_height);
    double lowest = y_.first_pixel;
    for (size_t i = names.size(); i-- > 0; lowest = names[i].first - line_height)
      names[i].first = std::min(names[i].first, lowest);
    for (const auto& [height, i] : names) {
      const bool ghost = curves_[i].style == Curve::Style::ghost;
      const std::string color = str(" style=\"fill:", colors_of[i], "\"");
      out_.text(x_.last_pixel + 8, height + 4, "start", curves_[i].name, ghost ? faint : color);
    }
  }

  const Chart& chart_;
  Svg& out_;
  std::vector<Curve> curves_;
  Axis x_, y_;
};

}  // namespace

std::string svg(const Chart& chart) {
  Svg out(chart.width, chart.height);
  Panel(chart, margin(chart), out).draw();
  return std::move(out).finish();
}

std::string svg(const std::vector<Chart>& panels, size_t columns) {
  const size_t rows = (panels.size() + columns - 1) / columns;
  double width = 0, widest = right;
  std::vector<double> heights(rows + 1);  // from the top to each row
  for (size_t i = 0; i < panels.size(); ++i) {
    width = std::max(width, panels[i].width), widest = std::max(widest, margin(panels[i]));
    double& below = heights[i / columns + 1];
    below = std::max(below, heights[i / columns] + panels[i].height);
  }
  Svg out(width * static_cast<double>(columns), heights[rows]);
  for (size_t i = 0; i < panels.size(); ++i) {
    out.begin_group(width * static_cast<double>(i % columns), heights[i / columns]);
    Panel(panels[i], columns == 1 ? widest : margin(panels[i]), out).draw();
    out.end_group();
  }
  return std::move(out).finish();
}

Curve histogram(const std::vector<double>& values, size_t bins, bool logarithmic) {
  const Axis scale{.logarithmic = logarithmic, .first_pixel = 0, .last_pixel = 1};
  std::vector<double> places;
  for (const double value : values)
    if (scale.bears(value)) places.push_back(scale.place(value));
  Curve curve{.style = Curve::Style::steps};
  if (places.empty()) return curve;
  const auto [least, most] = std::minmax_element(places.begin(), places.end());
  const double low = *least == *most ? *least - 0.5 : *least;
  const double width = (*least == *most ? 1 : *most - low) / static_cast<double>(bins);
  std::vector<double> counts(bins, 0);
  for (const double place : places)
    ++counts[std::min(bins - 1, static_cast<size_t>((place - low) / width))];
  for (size_t i = 0; i <= bins; ++i) {
    const double edge = low + width * static_cast<double>(i);
    curve.points.emplace_back(logarithmic ? std::pow(10, edge) : edge, i < bins ? counts[i] : 0);
  }
  return curve;
}

}  // namespace lw
