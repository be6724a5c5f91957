// Loops over CPU threads whose results do not depend on how many threads there are.
//
// Work is cut into chunks whose boundaries depend on the sizes alone, never on the number of
// threads nor on timing; a reduction sums one partial result a chunk, in the order of the chunks.
// So the bits of every result are the same on 1, 2 or 64 threads. A loop inside a loop runs on its
// caller's thread.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lw {

/// Threads that loops use: OMP_NUM_THREADS, or --threads, or all cores.
int num_threads();
void set_num_threads(int threads);

/// To be called first in main: lets threads that wait for work spin for some ten microseconds only,
/// then sleep. OpenMP's spin for milliseconds, which takes the cores from whatever else the machine
/// does; sleeping at once would cost a model that writes token by token half its speed. Since
/// OpenMP reads its variables before main, the program is started again with GOMP_SPINCOUNT set; not
/// if the user set it or OMP_WAIT_POLICY, nor where there is one thread only.
void let_waiting_threads_sleep(char** argv);

namespace detail {
void run_chunks(int64_t chunks, void (*body)(void* context, int64_t chunk), void* context);
}

/// Calls body(chunk) for each chunk in [0, chunks), on several threads. The first exception is
/// rethrown.
template <class Body>
void parallel_chunks(int64_t chunks, Body&& body) {
  using B = std::remove_reference_t<Body>;
  detail::run_chunks(
      chunks, [](void* context, int64_t chunk) { (*static_cast<B*>(context))(chunk); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

/// Calls body(begin, end) for consecutive ranges of `grain` elements (the last may be shorter) of
/// [0, size).
template <class Body>
void parallel_for(int64_t size, int64_t grain, Body&& body) {
  parallel_chunks((size + grain - 1) / grain, [&](int64_t chunk) {
    const int64_t begin = chunk * grain;
    body(begin, begin + grain < size ? begin + grain : size);
  });
}

}  // namespace lw
