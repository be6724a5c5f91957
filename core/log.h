// Messages to the person at the terminal, on stderr: `warning: text`, `error: text`; information
// has no prefix, and no line has a time. Results go to stdout and are no business of this file.
//
// Colour only on a terminal, and not if NO_COLOR is set. With several ranks, rank 0 alone informs;
// warnings and errors of the others start with `[rank 3] `. Thread-safe; lines do not mix.
#pragma once

#include <string>

namespace lw {

enum class LogLevel { info, warning, error, off };

/// Messages below `level` are dropped. Default: info.
void set_log_level(LogLevel level);
/// Which of `world` processes this is. Default: 0 of 1.
void set_log_rank(int rank, int world);

void log_info(const std::string& text);
void log_warning(const std::string& text);
void log_error(const std::string& text);

}  // namespace lw
