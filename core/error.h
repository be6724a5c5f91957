// Errors that a user can act on, and the checks that raise them.
//
// An error says, in this order: the operation, what was expected, what was received, where the
// expectation came from, and a remedy where one is known. Nothing here ever exits or aborts; the
// program turns an Error into its exit code (ErrorKind's value) in one place, apps/cli.cpp.
#pragma once

#include <concepts>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lw {

/// What went wrong, as the exit code that the program reports.
enum class ErrorKind : int {
  usage = 2,     ///< a flag, a config, a shape: the caller's mistake
  data = 3,      ///< a data file or a checkpoint is missing or invalid
  diverged = 4,  ///< the loss or a gradient is not finite
  memory = 5,    ///< out of memory
  peer = 6,      ///< another rank is lost or hangs
  disk = 7,      ///< a write failed: disk full, read-only, input/output error
};

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ErrorKind kind = ErrorKind::usage)
      : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Joins its arguments into one string, each written as `<<` writes it.
template <class... Args>
std::string str(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

/// Throws Error(str(parts...)) unless `condition` holds.
template <class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    throw Error(str(parts...));
}

/// The candidate closest to `word`, if it is near enough (Damerau-Levenshtein distance at most 2,
/// and less than the length of the word) to be what the user meant; else an empty string.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace lw
