// metrics.jsonl: what a run measured, one flat object a line, in the order in which it was
// measured.
//
//   {"step":100,"split":"train","loss":2.31,"lr":0.001,"grad_norm":0.8,"samples_per_s":120.5}
//
// A field that a rerun cannot reproduce has `time`, `wall`, `per_s`, `_ms`, `eta`, `mem` or `data_`
// in its name; every other field of a resumed run equals that of an uninterrupted one, byte for
// byte.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "apps/plot.h"

namespace lw {

/// One line: its fields in order. NaN and infinities are written as null.
struct Metrics {
  int64_t step = 0;
  std::string split;  ///< train, val or test
  std::vector<std::pair<std::string, double>> values;

  /// The value of a field, or NaN if there is none.
  double operator[](const std::string& name) const;
  std::string json() const;
};

/// The file, for appending. Every line is written in one call, so that a kill leaves whole lines. While the disk
/// refuses them, lines are kept in memory, with one warning.
class MetricsFile {
 public:
  /// Opens `path`, cutting it back to the lines before and at `step`. Lines of splits
  /// other than train at `step` itself are dropped too unless `evaluated`: they will be measured
  /// again.
  MetricsFile(std::filesystem::path path, int64_t step, bool evaluated);
  /// No file: lines go nowhere, as those of every rank but the first.
  MetricsFile() = default;
  void append(const Metrics& metrics);
  /// Waits until the disk holds every line. Throws Error (disk).
  void sync();

 private:
  void write_waiting();

  std::filesystem::path path_;
  int64_t bytes_ = 0;    // of the whole lines in the file
  std::string waiting_;  // lines that are not in it yet
};

/// The lines of a metrics file; none if there is no file. A damaged line, such as a power cut leaves, is left out
/// with a warning.
std::vector<Metrics> read_metrics(const std::filesystem::path& path);

/// Loss of each split against the step.
Chart loss_chart(const std::vector<Metrics>& lines, const std::string& title);

}  // namespace lw
