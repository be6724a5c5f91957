// Signals: the first SIGINT or SIGTERM asks the program to save and leave, the second ends it at
// once.
#pragma once

#include "core/communicator.h"

namespace lw {

/// Installs the handlers: the first SIGINT, SIGTERM, SIGUSR1 or SIGUSR2 sets stop_requested(), the
/// second ends the process at once with exit code 130. SIGPIPE and SIGXFSZ are ignored, so that a
/// closed pipe or a file limit is an error of the write that met it.
void install_signal_handlers();

/// For commands that leave nothing half done: from now on the first signal ends the process too.
void end_at_first_signal();

/// True from the first signal on. Every loop asks: training, evaluation, generation, reading of
/// data.
bool stop_requested();

/// Thrown where a loop cannot simply end: unwinds to the command, which saves if it can and exits
/// with 75.
struct Interrupted {};

/// Throws Interrupted if a signal has come.
inline void throw_if_stop_requested() {
  if (stop_requested()) throw Interrupted();
}

/// Likewise if one has come to any rank: all of them stop at the same place.
inline void throw_if_stop_requested(Communicator& ranks) {
  if (ranks.any(stop_requested())) throw Interrupted();
}

inline constexpr int exit_preempted =
    75;  ///< stopped by a signal; saved, run it again with --resume auto

}  // namespace lw
