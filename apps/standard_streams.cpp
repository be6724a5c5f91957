#include "apps/standard_streams.h"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/error.h"

namespace lw {

void open_standard_streams() {
  for (int descriptor = 0; descriptor < 3; ++descriptor)
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)  // open takes the lowest: this one
      static_cast<void>(open("/dev/null", descriptor == 1 ? O_RDONLY : O_RDWR));
}

void end_with_reader() { signal(SIGPIPE, SIG_DFL); }

void flush_results() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return;
  throw Error(str("stdout: error: results could not be written",
                  errno != 0 ? str(": ", std::strerror(errno)) : ""),
              ErrorKind::disk);
}

}  // namespace lw
