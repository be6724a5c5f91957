// Messages to the person at the terminal, on stderr: information, and `warning: text`; no line has a
// time. Errors are thrown, and told where they end (apps/cli.cpp); results go to stdout.
//
// Colour only on a terminal, and not if NO_COLOR is set. With several ranks, rank 0 alone informs;
// warnings of the others start with `[rank 3] `. Thread-safe; lines do not mix.
#pragma once

#include <string>

namespace lw {

/// Which of `world` processes this is. Default: 0 of 1.
void set_log_rank(int rank, int world);

void log_info(const std::string& text);
void log_warning(const std::string& text);

}  // namespace lw
