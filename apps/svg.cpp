#include "apps/svg.h"

#include <cmath>
#include <cstdio>

#include "core/error.h"

namespace lw {
namespace {

constexpr const char* style =
    "<style>.paper{fill:#fff}text{fill:#24292f}.faint{fill:#6a737d}"
    ".frame{stroke:#57606a;fill:none}.grid{stroke:#e5e7ea;fill:none}.ghost{stroke:#ccd3db;fill:"
    "none}"
    "@media(prefers-color-scheme:dark){.paper{fill:#14171c}text{fill:#d7dce2}.faint{fill:#8b949e}"
    ".frame{stroke:#9aa4af}.grid{stroke:#2c323a}.ghost{stroke:#454d57}}</style>\n";

}  // namespace

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

std::string number_label(double value) {
  char text[32];
  const double magnitude = std::abs(value);
  const bool far = magnitude >= 1e6 || (magnitude > 0 && magnitude < 1e-3);
  std::snprintf(text, sizeof text, far ? "%.3g" : "%.6g", value);
  return text;
}

Svg::Svg(double width, double height)
    : out_(str("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", width, " ", height,
               "\" font-family=\"sans-serif\" font-size=\"13\">\n", style,
               "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n")) {}

void Svg::text(double x, double y, const char* anchor, const std::string& content,
               const std::string& more) {
  out_ += str("<text x=\"", number_label(x), "\" y=\"", number_label(y), "\" text-anchor=\"",
              anchor, "\"", more, ">", escaped(content), "</text>\n");
}

void Svg::line(double x1, double y1, double x2, double y2, const char* look) {
  out_ += str("<line class=\"", look, "\" x1=\"", number_label(x1), "\" y1=\"", number_label(y1),
              "\" x2=\"", number_label(x2), "\" y2=\"", number_label(y2), "\"/>\n");
}

void Svg::circle(double x, double y, double radius, const char* look) {
  out_ += str("<circle class=\"", look, "\" cx=\"", number_label(x), "\" cy=\"", number_label(y),
              "\" r=\"", number_label(radius), "\"/>\n");
}

void Svg::polyline(const Points& points, const char* color) {
  shape("polyline", points, str("fill=\"none\" stroke-width=\"1.5\" stroke=\"", color, "\""));
}

void Svg::polygon(const Points& points, const char* color, double opacity) {
  shape("polygon", points, str("fill=\"", color, "\" fill-opacity=\"", opacity, "\""));
}

void Svg::ghost(const Points& points) {
  shape("polyline", points, "class=\"ghost\" stroke-width=\"6\" stroke-linejoin=\"round\"");
}

void Svg::dots(const Points& points, const char* color) {
  out_ += str("<g fill=\"", color, "\" fill-opacity=\"0.6\">\n");
  char dot[80];
  for (const auto& [x, y] : points) {
    std::snprintf(dot, sizeof dot, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>\n", x, y);
    out_ += dot;
  }
  out_ += "</g>\n";
}

void Svg::rectangle(double x, double y, double width, double height, const char* color,
                    double opacity) {
  char text[160];
  std::snprintf(text, sizeof text,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" "
                "fill-opacity=\"%.3f\"/>\n",
                x, y, width, height, color, opacity);
  out_ += text;
}

void Svg::begin_group(double x, double y) {
  out_ += str("<g transform=\"translate(", number_label(x), " ", number_label(y), ")\">\n");
}

void Svg::end_group() { out_ += "</g>\n"; }

void Svg::shape(const char* element, const Points& points, const std::string& attributes) {
  out_ += str("<", element, " ", attributes, " points=\"");
  char point[64];
  for (const auto& [x, y] : points) {
    std::snprintf(point, sizeof point, "%.1f,%.1f ", x, y);
    out_ += point;
  }
  out_ += "\"/>\n";
}

std::string Svg::finish() && { return std::move(out_) + "</svg>\n"; }

}  // namespace lw
