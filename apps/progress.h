// Progress: one line that tells where a run stands.
//
// On a terminal the line is rewritten in place; elsewhere a plain line is written at most every ten
// seconds, so that a log file stays short. Everything goes to stderr.
#pragma once

#include <chrono>
#include <string>

namespace lw {

class Progress {
 public:
  Progress();
  /// Ends the line.
  ~Progress();

  /// Shows `line`; on no terminal only if ten seconds have passed, or if `always`.
  void show(const std::string& line, bool always = false);
  /// Ends the line that stands on a terminal, so that other output starts on a fresh one.
  void clear();

 private:
  bool terminal_;
  bool dirty_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// 1h02m, 3m20s, 14s: a duration as a reader likes it.
std::string duration_text(double seconds);
/// 312k, 1.8M: a count or rate in three digits.
std::string short_number(double value);

}  // namespace lw
