#include "apps/hippo_demo.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "data/csv_table.h"
#include "layers/hippo.h"
#include "layers/unknown_name.h"

namespace lw {
namespace {

using std::numbers::pi;

double two_sines(double t) { return std::sin(2 * pi * t) + 0.5 * std::sin(6 * pi * t); }

double white(double t) {
  constexpr int64_t turns = 12;
  const Random random = Random(0).fork("white");
  double sum = 0;
  for (int64_t k = 1; k <= turns; ++k) {
    const double phase = 2 * pi * random.uniform_at(static_cast<uint64_t>(k));
    sum += std::sin(2 * pi * static_cast<double>(k) * t + phase);
  }
  return sum / std::sqrt(turns / 2.);
}

double steps(double t) {
  constexpr double levels = 8;
  const Random random = Random(0).fork("steps");
  return 2 * random.uniform_at(static_cast<uint64_t>(std::min(t * levels, levels - 1))) - 1;
}

PieceSignal sampled(const std::string& name, const std::function<double(double)>& law,
                    int64_t pieces) {
  PieceSignal signal{.name = name, .law = law};
  for (int64_t k = 0; k < pieces; ++k) {
    signal.ends.push_back(static_cast<double>(k + 1) / static_cast<double>(pieces));
    signal.values.push_back(law((static_cast<double>(k) + 0.5) / static_cast<double>(pieces)));
  }
  return signal;
}

PieceSignal signal_of_file(const std::string& file, int64_t rows) {
  const CsvTable table = parse_csv(read_file(file), file, {.ignored = {"date", "timestamp"}});
  const auto refuse = [&](bool good, const auto&... parts) {
    if (!good) throw Error(str(file, ": error: ", parts...), ErrorKind::data);
  };
  const int64_t last = rows == 0 ? table.rows : rows;
  refuse(table.rows >= 2, "expected at least two rows, received ", table.rows);
  refuse(table.rows >= last, "expected ", last, " rows for as many steps, received ", table.rows);
  int64_t time = -1, value = -1;
  for (int64_t c = table.columns(); c-- > 0;) {
    const std::string& name = table.names[static_cast<size_t>(c)];
    (name == "t" || name == "time" ? time : value) = c;
  }
  refuse(value >= 0, "expected a column of numbers beside the time");
  const auto stamp = [&](int64_t row) {
    return time < 0 ? static_cast<double>(row) : table(row, time);
  };
  PieceSignal signal{.name = Path(file).filename().string()};
  // A row's value holds since the row before; the first row's piece is as long as the second's.
  const double start = 2 * stamp(0) - stamp(1), length = stamp(last - 1) - start;
  for (int64_t row = 0; row < last; ++row) {
    refuse(row == 0 || stamp(row) > stamp(row - 1), "expected ascending times, received ",
           stamp(row), " after ", stamp(std::max<int64_t>(row, 1) - 1));
    signal.values.push_back(table(row, value));
    signal.ends.push_back(row == last - 1 ? 1 : (stamp(row) - start) / length);
  }
  return signal;
}

/// The measure by its name in the literature, and the one asked for where that is another.
std::string title(const std::string& measure) {
  if (measure == "legs") return "HiPPO-LegS";
  if (measure == "legt") return "HiPPO-LegT";
  if (measure == "lmu") return "Legendre Memory Unit";
  if (measure == "lagt") return "HiPPO-LagT";
  if (measure == "fout") return "HiPPO-FouT";
  return str(measure.starts_with("legt") ? "HiPPO-LegT" : "HiPPO-FouT", " (", measure, ")");
}

bool is_window(const HippoMemoryOptions& options) {
  return options.measure != "legs" && options.measure != "lagt";
}

/// `count` times, evenly from `first` to `last`.
std::vector<double> evenly(double first, double last, int64_t count) {
  std::vector<double> times;
  for (int64_t i = 0; i < count; ++i)
    times.push_back(i == count - 1 ? last
                                   : first + (last - first) * static_cast<double>(i) /
                                                 static_cast<double>(count - 1));
  return times;
}

}  // namespace

const std::vector<std::string>& demo_signals() {
  static const std::vector<std::string> names{"two_sines", "white", "steps"};
  return names;
}

PieceSignal demo_signal(const std::string& name, int64_t pieces) {
  const int64_t count = pieces == 0 ? 2000 : pieces;
  if (name == "two_sines") return sampled(name, two_sines, count);
  if (name == "white") return sampled(name, white, count);
  if (name == "steps") return sampled(name, steps, count);
  std::vector<std::string> known = demo_signals();
  known.push_back("FILE.csv");
  check(name.find_first_of("./") != name.npos, unknown_name("signal", name, known));
  return signal_of_file(name, pieces);
}

HippoMemory remember(const HippoMemoryOptions& options, const PieceSignal& signal) {
  HippoMemory memory(options);
  for (size_t k = 0; k < signal.size(); ++k) memory.update({&signal.values[k], 1}, signal.ends[k]);
  return memory;
}

bool reaches(const HippoMemory& memory, const PieceSignal& signal) {
  return signal.middle(signal.size() - 1) >= memory.oldest();
}

double relative_error(const HippoMemory& memory, const PieceSignal& signal) {
  double missed = 0, norm = 0;
  for (size_t k = 0; k < signal.size(); ++k) {
    const double t = signal.middle(k), u = signal.values[k];
    if (t < memory.oldest()) continue;
    const double difference = memory.reconstruct({&t, 1})[0] - u;
    missed += difference * difference, norm += u * u;
  }
  return std::sqrt(norm > 0 ? missed / norm : missed);
}

std::vector<Chart> reconstruction_charts(const HippoMemoryOptions& options,
                                         const PieceSignal& signal, const HippoMemory& memory) {
  const std::string what =
      is_window(options) ? str("the last ", options.theta) : str(signal.size(), " steps");
  Chart both{
      .title = str(title(options.measure), ": ", what, " remembered in ", options.N, " numbers"),
      .reach_x = {0, 1},
      .x_axis = false,
      .height = 320};
  Chart error{
      .x_label = "time", .y_label = "error", .log_y = true, .reach_x = {0, 1}, .height = 230};
  Curve given{.name = "signal", .style = Curve::Style::ghost}, drawn{.name = "memory"}, missed;
  const size_t stride = std::max<size_t>(1, signal.size() / 400);
  double largest = 0;
  for (size_t k = 0; k < signal.size(); ++k) {
    const double t = signal.middle(k), u = signal.values[k];
    if (k % stride == 0 || k + 1 == signal.size()) given.points.emplace_back(t, u);
    if (t < memory.oldest()) continue;
    const double value = memory.reconstruct({&t, 1})[0];
    if (k % stride == 0 || k + 1 == signal.size()) drawn.points.emplace_back(t, value);
    largest = std::max(largest, std::abs(value - u));  // of the steps that one point stands for
    if ((k + 1) % (2 * stride) != 0) continue;
    missed.points.emplace_back(t, largest);
    largest = 0;
  }
  both.curves = {given, drawn};
  error.curves = {missed};
  if (is_window(options)) both.spans = {{memory.oldest(), 1, "window"}};
  return {both, error};
}

Chart basis_chart(const HippoMemoryOptions& options, const HippoMemory& memory) {
  Chart chart{.title = str(title(options.measure), ": what it remembers is a sum of these"),
              .x_label = "time",
              .y_label = "value"};
  const std::vector<double> times = evenly(memory.oldest(), memory.time(), 301);
  const bool fourier = options.measure.starts_with("fou");
  for (const int64_t n :
       fourier ? std::vector<int64_t>{0, 2, 3, 4, 5} : std::vector<int64_t>{0, 1, 2, 3, 4}) {
    if (n >= options.N) break;
    Curve curve{.name = str("n = ", n)};
    for (const double t : times)
      curve.points.emplace_back(t, memory.basis(t)[static_cast<size_t>(n)]);
    chart.curves.push_back(curve);
  }
  return chart;
}

Chart measure_chart(const HippoMemoryOptions& options) {
  Chart chart{.title = str(title(options.measure), ": how much a moment counts"),
              .x_label = "time",
              .y_label = "weight"};
  const auto weight_at = [&](double now) {
    HippoMemory memory({options.measure, options.N, {}, options.theta});
    const double nothing = 0;
    memory.update({&nothing, 1}, now);
    Curve curve{.name = str("at t = ", now), .style = Curve::Style::area};
    for (const double t : evenly(memory.oldest(), now, options.measure == "lagt" ? 301 : 2))
      curve.points.emplace_back(t, memory.weight(t));
    return curve;
  };
  chart.curves = {weight_at(1)};
  if (options.measure == "legs") chart.curves = {weight_at(1), weight_at(0.5), weight_at(0.25)};
  if (!is_window(options)) return chart;

  // The response of coefficient 0 to an impulse: (e^{sA} B)_0.
  const bool fourier = options.measure.starts_with("fou");
  const char* measure = fourier ? "fout" : options.measure == "lmu" ? "lmu" : "legt";
  const Hippo system = hippo(measure, options.N);
  constexpr int64_t points = 400;
  const double rate = (fourier ? 2 : 1) / options.theta, span = std::min(1., 2 * options.theta);
  const DenseSystem step =
      discretize(static_cast<const DenseSystem&>(system), {.zoh = true}, rate * span / points);
  std::vector<double> x = system.B;
  Curve kept{.name = "kept"};
  for (int64_t i = 0; i <= points; ++i) {
    kept.points.emplace_back(1 - span * static_cast<double>(i) / points, rate * x[0]);
    std::vector<double> next(x.size());
    for (size_t n = 0; n < x.size(); ++n)
      for (size_t k = 0; k < x.size(); ++k) next[n] += step.A[n * x.size() + k] * x[k];
    x = next;
  }
  std::reverse(kept.points.begin(), kept.points.end());
  chart.curves[0].name = "window";
  chart.curves.push_back(kept);
  return chart;
}

Chart discretization_chart(const HippoMemoryOptions& options, const PieceSignal& signal) {
  Chart chart{.title = str(title(options.measure), ", ", options.N,
                           " numbers: the error of each discretisation"),
              .x_label = "steps",
              .y_label = "relative error",
              .log_x = true,
              .log_y = true};
  for (const std::string& rule : sampling_rules()) {
    Curve curve{.name = rule};
    int64_t unstable = 0;  // the most pieces for which it is
    HippoMemoryOptions with_rule = options;
    with_rule.rule = sampling_rule(rule);
    for (int64_t pieces = 125; pieces <= 4000; pieces *= 2) {
      const PieceSignal sample = sampled(signal.name, signal.law, pieces);
      const HippoMemory memory = remember(with_rule, sample);
      if (!reaches(memory, sample)) continue;
      const double error = relative_error(memory, sample);
      if (error < 10)
        curve.points.emplace_back(static_cast<double>(pieces), error);
      else
        unstable = pieces;
    }
    if (unstable > 0)
      chart.note += str(chart.note.empty() ? "" : "; ", rule, ": unstable at ", unstable, " steps",
                        unstable > 125 ? " and fewer" : "");
    chart.curves.push_back(curve);
  }
  return chart;
}

}  // namespace lw
