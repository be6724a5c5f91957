#include "apps/memory_charts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace lw {
namespace {

constexpr size_t most_columns = 512;  // of a heat map

/// delta [time, channel] of the one sample.
Tensor steps_of(const Selection& selection) {
  return selection.delta.reshape({selection.delta.size(1), selection.delta.size(2)});
}

/// The channels at the tenths of `steps`: a few that stand for all.
std::vector<int64_t> typical_channels(const std::vector<double>& steps) {
  std::vector<int64_t> order(steps.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return steps[static_cast<size_t>(a)] < steps[static_cast<size_t>(b)];
  });
  std::vector<int64_t> chosen;
  for (const double share : {0.1, 0.5, 0.9})
    chosen.push_back(order[static_cast<size_t>(share * static_cast<double>(order.size() - 1))]);
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

Chart panel(const std::string& title, const std::string& x_label, const std::string& y_label) {
  return {.title = title, .x_label = x_label, .y_label = y_label, .width = 460, .height = 360};
}

Chart histogram_panel(const std::string& title, const std::string& x_label,
                      const std::string& y_label, const std::vector<double>& values) {
  Chart chart = panel(title, x_label, y_label);
  chart.curves = {histogram(values, 24, /*logarithmic=*/true)};
  chart.log_x = true;
  return chart;
}

Chart pole_panel(const Dynamics& dynamics) {
  Chart chart = panel("poles of one step", "real part", "imaginary part");
  chart.unit_circle = true;
  Curve poles{.style = Curve::Style::dots};
  for (const complex128 pole : dynamics.poles) poles.points.emplace_back(pole.real(), pole.imag());
  chart.curves = {poles};
  return chart;
}

Chart kernel_panel(const LayerMemory& memory) {
  Chart chart = panel("kernels by memory (channel)", "steps ago", "share of the largest");
  const std::vector<int64_t> channels = typical_channels(memory.steps);
  for (const int64_t channel : channels) {
    const char* memory_is = channels.size() < 3      ? "channel"
                            : chart.curves.empty()   ? "short"
                            : channel == channels[1] ? "middle"
                                                     : "long";
    Curve curve{.name = str(memory_is, " (", channel, ")")};
    const std::vector<double> kernel = column_of(memory.dynamics->kernel, channel);
    double step = 0, largest = 1e-30;
    for (const double k : kernel) largest = std::max(largest, std::abs(k));
    for (const double k : kernel) curve.points.emplace_back(step++, k / largest);
    chart.curves.push_back(curve);
  }
  return chart;
}

Chart selection_panel(const Selection& selection) {
  Chart chart = panel("step sizes along the input", "step", "step size");
  chart.log_y = true;
  const Tensor delta = steps_of(selection);
  for (const double share : {0.9, 0.5, 0.1}) {
    Curve curve{.name = str(share * 100, " % below")};
    for (int64_t t = 0; t < delta.size(0); ++t)
      curve.points.emplace_back(static_cast<double>(t),
                                quantile(delta.slice(0, t, t + 1).to_vector(), share));
    chart.curves.push_back(curve);
  }
  return chart;
}

/// For each step the mean over the channels of log delta, between 0 for the least and 1.
std::vector<double> attention_of(const Selection& selection) {
  const Tensor delta = steps_of(selection);
  std::vector<double> levels;
  for (int64_t t = 0; t < delta.size(0); ++t) {
    const std::vector<double> row = delta.slice(0, t, t + 1).to_vector();
    double sum = 0;
    for (const double d : row) sum += std::log(std::max(d, 1e-12));
    levels.push_back(sum / static_cast<double>(row.size()));
  }
  const auto [least, most] = std::minmax_element(levels.begin(), levels.end());
  const double low = *least, width = std::max(*most - low, 1e-12);
  for (double& level : levels) level = (level - low) / width;
  return levels;
}

/// So wide that no label touches the next.
double width_of_cells(const std::vector<std::string>& labels) {
  constexpr double letter = 7.3, apart = 5, least = 13;
  double width = least, before = 0;
  size_t cells = 0;  // since the last label
  for (const std::string& label : labels) {
    ++cells;
    const auto letters = std::count_if(label.begin(), label.end(),
                                       [](char c) { return (c & 0xc0) != 0x80; });  // of UTF-8
    if (letters == 0) continue;
    const double half = letter * static_cast<double>(letters) / 2;
    if (before > 0) width = std::max(width, (before + half + apart) / static_cast<double>(cells));
    before = half, cells = 0;
  }
  return width;
}

}  // namespace

std::vector<Chart> charts_of(const LayerMemory& memory) {
  if (memory.selection)
    return {selection_panel(*memory.selection),
            histogram_panel("memory", "steps remembered", "channels", memory.steps),
            histogram_panel("step sizes", "step size", "channels and steps", memory.step_sizes())};
  std::vector<Chart> charts{
      pole_panel(*memory.dynamics), kernel_panel(memory),
      histogram_panel("memory",
                      str("steps that hold 95 % of a kernel",
                          std::isfinite(memory.uncertain_from) ? ", at least" : ""),
                      "channels", memory.steps)};
  if (!memory.step_sizes().empty())
    charts.push_back(histogram_panel("step sizes", "step size", "count", memory.step_sizes()));
  return charts;
}

std::string selection_svg(const std::vector<LayerMemory>& layers,
                          const std::vector<std::string>& labels) {
  constexpr double left = 76, right = 20, top = 40, width = 960;
  constexpr double cell_height = 22, gap = 14;
  std::vector<const LayerMemory*> selective;
  for (const LayerMemory& memory : layers)
    if (memory.selection) selective.push_back(&memory);
  const size_t columns = std::min(labels.size(), most_columns);
  const double cell_width = width_of_cells(labels);
  const size_t in_row =
      std::max<size_t>(1, static_cast<size_t>((width - left - right) / cell_width));
  const size_t rows = (columns + in_row - 1) / in_row;
  const double row_height = cell_height * static_cast<double>(selective.size() + 1) + gap;
  Svg out(width, top + row_height * static_cast<double>(rows));
  out.text(left, 24, "start",
           str("where each layer looks: the bluer, the larger the step",
               columns < labels.size() ? str("; ", columns, " of ", labels.size(), " steps") : ""),
           " font-size=\"16\"");
  std::vector<std::vector<double>> levels;
  for (const LayerMemory* memory : selective) levels.push_back(attention_of(*memory->selection));
  for (size_t row = 0; row < rows; ++row) {
    const double y = top + row_height * static_cast<double>(row);
    const size_t first = row * in_row, last = std::min(columns, first + in_row);
    const auto x = [&](size_t t) { return left + cell_width * static_cast<double>(t - first); };
    for (size_t i = 0; i < selective.size(); ++i) {
      const double cell = y + cell_height * static_cast<double>(i);
      out.text(left - 8, cell + 15, "end", str("layer ", selective[i]->layer));
      for (size_t t = first; t < last; ++t)
        out.rectangle(x(t), cell, cell_width, cell_height - 2, "#3b82c4", levels[i][t]);
    }
    const double below = y + cell_height * static_cast<double>(selective.size()) + 14;
    for (size_t t = first; t < last; ++t)
      if (!labels[t].empty())
        out.text(x(t) + cell_width / 2, below, "middle", labels[t],
                 " font-family=\"monospace\" font-size=\"12\"");
  }
  return std::move(out).finish();
}

std::string memory_page(const std::string& title, const std::string& subtitle,
                        const std::vector<LayerMemory>& layers,
                        const std::vector<std::string>& labels) {
  std::string page = str(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", escaped(title),
      "</title>\n<style>:root{color-scheme:light dark}body{font:16px/1.5 sans-serif;max-width:"
      "1900px;margin:2rem auto;padding:0 1rem}h1{margin-bottom:0}table{border-collapse:collapse}"
      "td,th{padding:.2rem 1rem;text-align:right;border-bottom:1px solid #8884}svg{max-width:100%;"
      "height:auto}.looks{max-width:960px}.charts{display:grid;grid-template-columns:repeat(auto-"
      "fit,minmax(min(420px,"
      "100%),1fr));gap:1rem}</style></head>\n<body><h1>",
      escaped(title), "</h1>\n<p>", escaped(subtitle), "</p>\n");
  page +=
      "<table><tr><th>layer</th><th>channels</th><th colspan=\"3\">steps remembered: least, "
      "median, most</th></tr>\n";
  bool selects = false;
  for (const LayerMemory& memory : layers) {
    page += str("<tr><td>", memory.layer, "</td><td>", memory.steps.size(), "</td>");
    for (const double share : {0., 0.5, 1.})
      page += str("<td>", steps_text(memory, share, "\u2265 "), "</td>");
    page += "</tr>\n";
    selects = selects || memory.selection;
  }
  page += "</table>\n";
  if (selects) page += str("<div class=\"looks\">\n", selection_svg(layers, labels), "</div>\n");
  for (const LayerMemory& memory : layers) {
    page += str("<h2>layer ", memory.layer, "</h2>\n<div class=\"charts\">\n");
    for (const Chart& chart : charts_of(memory)) page += svg(chart);
    page += "</div>\n";
  }
  return page + "</body></html>\n";
}

}  // namespace lw
