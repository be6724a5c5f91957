#include "apps/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "core/fault.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"

namespace lw {

double Metrics::operator[](const std::string& name) const {
  for (const auto& [key, value] : values)
    if (key == name) return value;
  return std::numeric_limits<double>::quiet_NaN();
}

std::string Metrics::json() const {
  nlohmann::ordered_json line{{"step", step}, {"split", split}};
  for (const auto& [key, value] : values) {
    if (value == std::floor(value) && std::abs(value) < 1e15) {
      line[key] = static_cast<int64_t>(value);
    } else {
      line[key] = std::isfinite(value) ? nlohmann::ordered_json(value) : nullptr;
    }
  }
  return line.dump();
}

namespace {

/// Throws Error unless `text` is a whole line of metrics.
Metrics parse_metrics(std::string_view text, const std::string& place) {
  const Json object = parse_json(text, place);
  Metrics line{.step = json_member<int64_t>(object, "step", place),
               .split = json_member<std::string>(object, "split", place)};
  for (const auto& [key, value] : object.items())
    if (value.is_number() && key != "step") line.values.emplace_back(key, value.get<double>());
  return line;
}

/// Calls f(line, text) for each whole line of the file; `text` ends in its newline.
template <class F>
void for_metrics(const std::filesystem::path& path, F&& f) {
  if (!std::filesystem::exists(path)) return;
  const std::string file = read_file(path);
  int64_t number = 0;
  for (size_t at = 0, next; at < file.size(); at = next) {
    next = std::min(file.find('\n', at), file.size() - 1) + 1;
    const std::string text = file.substr(at, next - at);
    const std::string place = str(path.string(), ":", ++number);
    std::optional<Metrics> line;
    try {
      if (text.ends_with('\n')) line = parse_metrics(text, place);
    } catch (const Error&) {
      // Whatever is wrong with it, it is not what was written.
    }
    if (line)
      f(*line, text);
    else
      log_warning(str(place, ": this line is damaged and left out"));
  }
}

}  // namespace

std::vector<Metrics> read_metrics(const std::filesystem::path& path) {
  std::vector<Metrics> lines;
  for_metrics(path, [&](const Metrics& line, const std::string&) { lines.push_back(line); });
  return lines;
}

MetricsFile::MetricsFile(std::filesystem::path path, int64_t step, bool evaluated)
    : path_(std::move(path)) {
  std::string kept;
  for_metrics(path_, [&](const Metrics& line, const std::string& text) {
    if (line.step < step || (line.step == step && (line.split == "train" || evaluated)))
      kept += text;
  });
  write_file(path_, kept);
  bytes_ = std::ssize(kept);
}

void MetricsFile::append(const Metrics& metrics) {
  if (path_.empty()) return;
  const bool refused_before = !waiting_.empty();
  waiting_ += metrics.json() + "\n";
  try {
    write_waiting();
  } catch (const Error& error) {
    if (!refused_before) log_warning(str(error.what(), "\n  kept in memory until it can"));
  }
}

void MetricsFile::sync() {
  write_waiting();
  const Descriptor file(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open() || disk_operation(Space::needed, [&] { return fsync(file.get()); }) != 0)
    throw Error(str(path_.string(), ": error: cannot be written: ", std::strerror(errno)),
                ErrorKind::disk);
}

void MetricsFile::write_waiting() {
  if (waiting_.empty()) return;
  const Descriptor file(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  const auto put = [&](size_t size) { return pwrite(file.get(), waiting_.data(), size, bytes_); };
  if (file.is_open()) errno = ENOSPC;  // what a short write means
  if (!file.is_open() || disk_operation(
                             Space::needed, [&] { return put(waiting_.size()); },
                             [&] { return put(waiting_.size() / 2); }) != std::ssize(waiting_)) {
    const int reason = errno;
    if (file.is_open() && ftruncate(file.get(), bytes_) != 0)
      log_warning(str(path_.string(), " ends in half a line"));
    throw Error(str(path_.string(), ": error: cannot be written: ", std::strerror(reason)),
                ErrorKind::disk);
  }
  bytes_ += std::ssize(waiting_);
  waiting_.clear();
}

Chart loss_chart(const std::vector<Metrics>& lines, const std::string& title) {
  Chart chart{.title = title, .x_label = "step", .y_label = "loss"};
  for (const char* split : {"train", "val", "test"}) {
    Curve curve{.name = split};
    for (const Metrics& line : lines)
      if (line.split == split)
        curve.points.emplace_back(static_cast<double>(line.step), line["loss"]);
    if (!curve.points.empty()) chart.curves.push_back(std::move(curve));
  }
  return chart;
}

}  // namespace lw
