#include "core/parallel.h"

#include <omp.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string>

#include "core/error.h"

namespace lw {

namespace {

/// What OpenMP is told holds for the thread that tells it; this holds for all. 0: as OpenMP says.
std::atomic<int> chosen = 0;

// The thread sanitizer does not see how GCC's OpenMP waits, and would call every loop a race.
#ifdef __SANITIZE_THREAD__
constexpr bool loops_are_seen = false;
#else
constexpr bool loops_are_seen = true;
#endif

}  // namespace

int num_threads() { return chosen > 0 ? chosen.load() : omp_get_max_threads(); }

void set_num_threads(int threads) {
  check(threads >= 1, "threads: expected at least 1, received ", threads);
  chosen = threads;
}

void let_waiting_threads_sleep(char** argv) {
  if (num_threads() == 1 || std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  setenv("GOMP_SPINCOUNT", "4000", 1);
  std::error_code none;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", none);
  execv(program.c_str(), argv);  // returns only if it failed; then they spin
}

void detail::run_chunks(int64_t chunks, void (*body)(void*, int64_t), void* context) {
  const int threads = num_threads();
  if (chunks <= 1 || omp_in_parallel() || threads == 1 || !loops_are_seen) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
    return;
  }
  std::exception_ptr failure;
  std::mutex mutex;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    try {
      body(context, chunk);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace lw
