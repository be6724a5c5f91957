// Svg: the text of an SVG picture, element by element. Coordinates are pixels, from the top left.
//
// A picture follows the reader's light or dark background: text, paper, frame and grid are classes
// of a style sheet inside it, and other colours are chosen to be seen on both.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lw {

using Points = std::vector<std::pair<double, double>>;

class Svg {
 public:
  Svg(double width, double height);

  /// `anchor` is start, middle or end; `more` are further attributes.
  void text(double x, double y, const char* anchor, const std::string& content,
            const std::string& more = "");
  /// `look` is a class, frame or grid, of the style sheet.
  void line(double x1, double y1, double x2, double y2, const char* look);
  void circle(double x, double y, double radius, const char* look);
  void polyline(const Points& points, const char* color);
  void polygon(const Points& points, const char* color, double opacity = 0.75);
  /// A wide, pale line, for others to be drawn over.
  void ghost(const Points& points);
  void dots(const Points& points, const char* color);
  void rectangle(double x, double y, double width, double height, const char* color,
                 double opacity = 1);
  /// What follows, until end_group(), is moved by (x, y).
  void begin_group(double x, double y);
  void end_group();

  /// The whole picture: the same calls give the same bytes.
  std::string finish() &&;

 private:
  void shape(const char* element, const Points& points, const std::string& attributes);
  std::string out_;
};

/// Text as XML and HTML have it.
std::string escaped(const std::string& text);

/// A number in the fewest digits that a reader needs.
std::string number_label(double value);

}  // namespace lw
