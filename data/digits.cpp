#include "data/digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/parallel.h"

namespace lw {
namespace {

struct Point {
  double x, y;
};
using Stroke = std::vector<Point>;  // a polyline in the unit square, y downwards

/// Part of an ellipse, from angle `a` to angle `b` in degrees (0 is to the right, 90 is down).
Stroke arc(double cx, double cy, double rx, double ry, double a, double b) {
  Stroke stroke;
  for (int i = 0; i <= 12; ++i) {
    const double angle = (a + (b - a) * i / 12) * std::numbers::pi / 180;
    stroke.push_back({cx + rx * std::cos(angle), cy + ry * std::sin(angle)});
  }
  return stroke;
}

const std::array<std::vector<Stroke>, 10>& shapes() {
  static const std::array<std::vector<Stroke>, 10> all = {{
      {arc(.5, .5, .26, .4, 0, 360)},
      {{{.36, .26}, {.54, .1}, {.54, .9}}},
      {arc(.5, .32, .24, .22, 190, 380), {{.72, .4}, {.28, .9}, {.76, .9}}},
      {arc(.48, .3, .22, .2, 200, 450), arc(.48, .7, .25, .2, 270, 520)},
      {{{.6, .1}, {.24, .62}, {.8, .62}}, {{.62, .4}, {.62, .92}}},
      {{{.72, .1}, {.34, .1}, {.3, .45}}, arc(.48, .64, .25, .25, 220, 500)},
      {{{.62, .08}, {.34, .5}}, arc(.5, .68, .22, .22, 0, 360)},
      {{{.26, .1}, {.76, .1}, {.42, .92}}},
      {arc(.5, .3, .2, .2, 0, 360), arc(.5, .7, .24, .2, 0, 360)},
      {arc(.5, .32, .22, .22, 0, 360), {{.72, .34}, {.6, .92}}},
  }};
  return all;
}

double distance_to_segment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, squared = dx * dx + dy * dy;
  const double t =
      squared > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / squared, 0., 1.) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

std::shared_ptr<const ImageSet> draw_set(const DigitsOptions& o, int64_t count,
                                         const Random& random) {
  auto set = std::make_shared<ImageSet>();
  set->rows = set->columns = o.size;
  set->labels.resize(static_cast<size_t>(count));
  set->pixels.resize(static_cast<size_t>(count * o.size * o.size));
  parallel_for(count, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Random image = random.fork(static_cast<uint64_t>(i));
      const auto digit = static_cast<int>(image.fork("digit").integer_at(0, 10));
      set->labels[static_cast<size_t>(i)] = static_cast<uint8_t>(digit);
      draw_digit(digit, o.size, o.noise, image, set->pixels.data() + i * o.size * o.size);
    }
  });
  return set;
}

DataSource make_digits(const DigitsOptions& o, const DataContext& context) {
  const Random random = Random(context.seed).fork("digits");
  const auto train = draw_set(o, o.train, random.fork("train"));
  const auto val = draw_set(o, o.validation, random.fork("val")),
             test = draw_set(o, o.test, random.fork("test"));
  const ImageSequences how =
      image_sequences(*train, o.length == 0 ? o.size * o.size : o.length, o.permute, 0);
  DataSource source;
  source.task = {.features = 1,
                 .length = static_cast<int64_t>(how.order.size()),
                 .target = Task::Target::label,
                 .classes = 10};
  source.fingerprint =
      str("digits seed=", context.seed, " size=", o.size, " train=", o.train, " noise=", o.noise,
          " validation=", o.validation, " length=", source.task.length, " permute=", o.permute);
  source.train = image_dataset(train, how, 0, o.train);
  source.val = image_dataset(val, how, 0, o.validation);
  source.test = image_dataset(test, how, 0, o.test);
  return source;
}

const bool registered = datasets().add<DigitsOptions>("digits", &make_digits);

}  // namespace

void DigitsOptions::describe(Fields& f) {
  f.optional("length", length, "steps of a sample, the first pixels; 0: all of them",
             non_negative());
  f.optional("size", size, "rows and columns of an image", between(8, 256));
  f.optional("train", train, "images of the training split", positive());
  f.optional("validation", validation, "images of the validation split", positive());
  f.optional("test", test, "images of the test split", positive());
  f.optional("permute", permute, "read the pixels in one fixed random order");
  f.optional("noise", noise, "standard deviation of the noise of a pixel, where ink is 1",
             non_negative());
}

void draw_digit(int digit, int64_t size, double noise, const Random& random, uint8_t* pixels) {
  check(0 <= digit && digit <= 9, "draw_digit: expected a digit, received ", digit);
  const Random shape = random.fork("shape");
  const auto jitter = [&](uint64_t which, double amount) {
    return amount * (2 * shape.uniform_at(which) - 1);
  };
  const double turn = jitter(0, .22), slant = jitter(1, .25), scale_x = 1 + jitter(2, .18),
               scale_y = 1 + jitter(3, .14);
  const double shift_x = jitter(4, .08), shift_y = jitter(5, .07),
               pen = .045 + .02 * shape.uniform_at(6);
  const double c = std::cos(turn), s = std::sin(turn);
  std::vector<Stroke> strokes = shapes()[static_cast<size_t>(digit)];
  uint64_t draw = 16;
  for (Stroke& stroke : strokes) {
    const double bend_x = jitter(draw++, .03), bend_y = jitter(draw++, .03);
    for (Point& p : stroke) {
      const double x = (p.x - .5 + bend_x + slant * (.5 - p.y)) * scale_x,
                   y = (p.y - .5 + bend_y) * scale_y;
      p = {.5 + c * x - s * y + shift_x, .5 + s * x + c * y + shift_y};
    }
  }
  const Random grain = random.fork("noise");
  const double edge =
      .7 / static_cast<double>(size);  // the pen's soft border, a little under a pixel
  for (int64_t i = 0; i < size * size; ++i) {
    const Point p{(static_cast<double>(i % size) + .5) / static_cast<double>(size),
                  (static_cast<double>(i / size) + .5) / static_cast<double>(size)};
    double distance = 1;
    for (const Stroke& stroke : strokes)
      for (size_t k = 0; k + 1 < stroke.size(); ++k)
        distance = std::min(distance, distance_to_segment(p, stroke[k], stroke[k + 1]));
    const double ink = std::clamp((pen - distance) / edge * .5 + .5, 0., 1.) +
                       noise * grain.normal_at(static_cast<uint64_t>(i));
    pixels[i] = static_cast<uint8_t>(std::lround(255 * std::clamp(ink, 0., 1.)));
  }
}

}  // namespace lw
