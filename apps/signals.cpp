#include "apps/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <initializer_list>

namespace lw {
namespace {

/// Two threads may each take one at the same time.
std::atomic<int> signals_seen = 0, signals_survived = 1;
static_assert(std::atomic<int>::is_always_lock_free);  // what a handler may touch

void on_signal(int) {
  if (signals_seen++ >= signals_survived) _exit(130);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) sigaction(number, &action, nullptr);
  action.sa_handler = SIG_IGN;
  for (const int number : {SIGPIPE, SIGXFSZ}) sigaction(number, &action, nullptr);
}

void end_at_first_signal() {
  signals_survived = 0;
  if (stop_requested()) _exit(130);
}

bool stop_requested() { return signals_seen > 0; }

}  // namespace lw
