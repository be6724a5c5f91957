#include "apps/cli.h"

#include <cstdio>
#include <new>

#include "apps/command_line.h"
#include "apps/signals.h"
#include "apps/standard_streams.h"
#include "core/communicator.h"
#include "core/error.h"
#include "core/parallel.h"

namespace lw {
namespace {

/// Writes an error as lines `place: error: text`; a message that names its own place is written as
/// it is.
void report(const std::string& place, const std::string& message) {
  if (const int rank = ranks().rank(); rank > 0) std::fprintf(stderr, "[rank %d] ", rank);
  const bool placed = message.substr(0, message.find('\n')).find(": error: ") != std::string::npos;
  std::fprintf(stderr, "%s%s\n", placed ? "" : (place + ": error: ").c_str(), message.c_str());
}

/// How the program ends: its exit code, and what went wrong.
struct Ending {
  int code = 0;
  std::string error = {};
};

Ending run_to_the_end(CommandLine& line, int argc, char** argv) {
  try {
    return {line.run(argc, argv)};
  } catch (const Interrupted&) {
    return {exit_preempted};
  } catch (const PeerError& error) {
    return {static_cast<int>(error.kind())};  // the other rank tells
  } catch (const Error& error) {
    return {
        static_cast<int>(error.kind()),
        error.what() + (error.kind() == ErrorKind::memory ? line.memory_remedy() : std::string())};
  } catch (const std::bad_alloc&) {
    return {static_cast<int>(ErrorKind::memory), "out of memory" + line.memory_remedy()};
  } catch (const std::exception& error) {
    return {static_cast<int>(ErrorKind::usage), error.what()};
  }
}

}  // namespace

int run_cli(int argc, char** argv) {
  let_waiting_threads_sleep(argv);
  open_standard_streams();
  install_signal_handlers();
  CommandLine line;
  const Ending ending = run_to_the_end(line, argc, argv);
  return ranks().end(ending.code, ending.error, [&] { report(line.place(), ending.error); });
}

}  // namespace lw
